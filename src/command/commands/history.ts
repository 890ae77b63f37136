import { fault } from '../../base/errors.ts';
import { inSlices } from '../../base/slices.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { archivedFault } from '../../ledger/archive/port.ts';
import { type BlameLine, blameOf } from '../../policy/blame.ts';
import { type Change, type ErasedBy, idsNamed, type PolicyVersion } from '../../policy/history.ts';
import type { Signed } from '../../policy/signed.ts';
import type { CommandContext } from '../context.ts';
import { anyText, optional } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { shortKey } from './common.ts';

const whichOptions = {
  id: optional(anyText, 'id of the policy', ['policy_id']),
  type: optional(anyText, 'type of the policy, with its name instead of the id'),
  name: optional(anyText, 'a name that the policy has or had'),
};

/** The policies that are meant, one id at least. */
const idsOf = ({ context, options }: Call<typeof whichOptions>): readonly string[] => {
  const { id, type, name } = options;
  if (id !== undefined) return [id];
  if (type === undefined || name === undefined)
    throw fault('COMMAND_OPTION_MISSING', 'which policy?', {
      hint: 'add: where id = ID, or: where type = T and name = N',
    });
  const ids = idsNamed(context.policies.chronicle.facts(), type, name);
  if (ids.length > 0) return ids;
  const { chronicle } = context.policies;
  if (chronicle.facts().some(({ archived }) => archived))
    throw archivedFault(`whether a policy of type ${type} once had the name ${name}`, chronicle.archive);
  throw fault('POLICY_UNKNOWN', `no policy of type ${type} has or had the name ${name}`, {
    data: { type, name },
    hint: `see: blockchain log where type = ${type}`,
  });
};

/** Who and when, as cells. */
export const signedCells = ({ date, received, authorName, author, seq }: Signed): readonly Cell[] => [
  date,
  received ?? '',
  authorName ?? '',
  shortKey(author),
  seq,
];

/** The titles of {@link signedCells}. */
export const SIGNED_TITLES = ['Date', 'Received', 'By', 'Key', 'Entry No'] as const;

/** A change in words. */
export const changeText = ({ attribute, before, after }: Change): string => {
  if (before === undefined) return `${attribute} = ${JSON.stringify(after)}`;
  return after === undefined
    ? `${attribute} removed`
    : `${attribute}: ${JSON.stringify(before)} to ${JSON.stringify(after)}`;
};

/** What was erased, in words. */
const erasedText = ({ attributes, author, authorName, date, reason }: ErasedBy): string => {
  const what = attributes.length === 0 ? '' : `${attributes.join(', ')} `;
  return `${what}erased by ${authorName ?? shortKey(author)} on ${date}: ${reason}`;
};

/** What the entry changed, as far as that is here. */
const saidBy = ({ changes, archived, missing }: PolicyVersion): readonly string[] => {
  if (missing) return ['missing here, though nobody erased it by right'];
  if (archived === 'body') return ['archived'];
  return changes.map((change) => `${changeText(change)}${archived === 'before' ? ' (before: archived)' : ''}`);
};

/** Whether the entry counts, and the entry that is the cause. */
const effectCells = ({ effect, supersededBy, conflictsWith }: PolicyVersion): readonly [string, string] => {
  if (typeof effect === 'object') return [`void (${effect.rule}): ${effect.text}`, effect.by ?? ''];
  const [other] = conflictsWith;
  if (other !== undefined) return [`${effect}, in conflict (concurrent-update)`, conflictsWith.join(' ')];
  return [effect, supersededBy ?? ''];
};

const rowsOf = (version: PolicyVersion, several: boolean): readonly (readonly Cell[])[] => {
  const lead: readonly Cell[] = [...signedCells(version), version.op];
  const [effect, because] = effectCells(version);
  const tail: readonly Cell[] = [effect, because, version.entry, ...(several ? [version.id] : [])];
  const { erased } = version;
  const told = erased === undefined ? saidBy(version) : [erasedText(erased)];
  const changes = told.length === 0 ? [''] : told;
  return changes.map((change, index) =>
    index === 0 ? [...lead, change, ...tail] : [...lead.map(() => ''), change, ...tail.map(() => '')],
  );
};

/** Of the two entries with one number each is void for the other, which the book names by the first alone. */
const forkedWith = ({ ledger }: CommandContext): ((version: PolicyVersion) => PolicyVersion) => {
  const others = new Map(
    ledger.equivocations().flatMap(({ entries: [one, other] }) => {
      const [first, second] = [sha256Hex(one.header), sha256Hex(other.header)];
      return [[first, second] as const, [second, first] as const];
    }),
  );
  return (version) => {
    const { effect, entry } = version;
    if (typeof effect !== 'object' || effect.rule !== 'equivocation' || effect.by !== entry) return version;
    return { ...version, effect: { ...effect, by: others.get(entry) } };
  };
};

const history = async (call: Call<typeof whichOptions>): Promise<Reply> => {
  await call.context.policies.caughtUp();
  const ids = idsOf(call);
  const versions: PolicyVersion[] = [];
  const told = forkedWith(call.context);
  for (const id of ids) for (const version of await call.context.policies.history(id)) versions.push(told(version));
  const several = ids.length > 1;
  return givesTable({
    titles: [...SIGNED_TITLES, 'Change', 'What', 'Effect', 'Because Of', 'Entry', ...(several ? ['Policy'] : [])],
    rows: versions.flatMap((version) => rowsOf(version, several)),
    json: versions,
  });
};

/** `[table][0][dbms]`, as conditions and `bring` write it. */
const pathText = (path: readonly (string | number)[]): string => path.map((step) => `[${step}]`).join('');

const blame = async (call: Call<typeof whichOptions>): Promise<Reply> => {
  const { policies } = call.context;
  await policies.caughtUp();
  const { book, chronicle } = policies;
  const ids = idsOf(call);
  const states = ids.map((id) => book.get(id)).filter((state) => state !== undefined);
  if (states.length === 0)
    throw fault('POLICY_UNKNOWN', `policy ${ids.join(', ')} is not in force`, {
      data: { ids },
      hint: `see why: blockchain history where id = ${ids[0] ?? ''}`,
    });
  const lines: (BlameLine & { readonly id: string })[] = [];
  for (const state of states) {
    const found = await inSlices(blameOf(state, book, chronicle), call.signal);
    lines.push(...found.map((line) => ({ id: state.id, ...line })));
  }
  const several = states.length > 1;
  return givesTable({
    titles: [...(several ? ['Policy'] : []), 'Attribute', 'Value', ...SIGNED_TITLES, 'Change', 'Entry'],
    rows: lines.map((line) => [
      ...(several ? [line.id] : []),
      pathText(line.path),
      JSON.stringify(line.value),
      ...signedCells(line),
      line.op,
      line.entry,
    ]),
    json: lines.map(({ path, ...line }) => ({ attribute: pathText(path), path, ...line })),
  });
};

/** The life of single policies. */
export const historyCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain history', 'blockchain get history'],
    method: 'GET',
    explanation:
      'shows the life of a policy: who changed what and when, by which entry of the ledger, and whether it has effect or why not',
    examples: [
      'blockchain history where id = 64999c0d4d8762f67f6fe4f120c7a54b',
      'blockchain history where type = operator and name = operator-a',
    ],
    options: whichOptions,
    run: history,
  }),
  define({
    patterns: ['blockchain blame'],
    method: 'GET',
    explanation: 'shows for each value of a policy in force which entry gave it, whose, and when',
    examples: ['blockchain blame where id = 64999c0d4d8762f67f6fe4f120c7a54b'],
    options: whichOptions,
    run: blame,
  }),
];
