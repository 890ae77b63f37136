import { inSlices, type Sliced } from '../../base/slices.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { auditLedger } from '../../ledger/audit/audit.ts';
import type { PolicyBook } from '../../policy/book.ts';
import { createFold } from '../../policy/fold.ts';
import { voidEntries } from '../../policy/void-entries.ts';
import { settle, SettleMemory } from '../../policy/snapshot/settle.ts';
import { countInForce } from '../../policy/state.ts';
import type { CommandContext } from '../context.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';

type AuditReport = Awaited<ReturnType<typeof auditLedger>>;
type AuditFault = NonNullable<AuditReport['first']>;

const ENTRIES_AT_ONCE = 512;
/** Policies that are compared before other work gets its turn. */
const STATES_AT_ONCE = 512;

/**
 * Whether the policies in force are those that follow from the entries, folded anew. Undefined where entries came in
 * meanwhile: then nothing can be said of one moment.
 */
const policiesFollow = async (
  context: CommandContext,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> => {
  const { ledger, policies } = context;
  const end = ledger.size;
  const fold = createFold();
  for (let cursor = 0; cursor < end;) {
    signal?.throwIfAborted();
    const held = await ledger.follow(cursor, ENTRIES_AT_ONCE);
    const last = held.at(-1);
    if (last === undefined) break;
    fold.add(held.map(({ entry }) => entry));
    cursor = last.cursor + 1;
  }
  for (const { author, seq, entries } of ledger.equivocations()) {
    const [by = ''] = entries.map(({ header }) => sha256Hex(header)).sort();
    fold.voidAuthor(author, seq, by);
  }
  const memory = new SettleMemory();
  for (const [key, state] of policies.chronicle.memory?.saved ?? []) memory.saved.set(key, state);
  await inSlices(settle(fold, memory), signal);
  await policies.caughtUp();
  const isSame = await inSlices(sameState(fold, policies.book), signal);
  return ledger.size === end ? isSame : undefined;
};

type States = Pick<PolicyBook, 'get' | 'inForce'>;

/** Whether two books hold the same policies. */
const sameState = function* (one: States, other: States): Sliced<boolean> {
  if (countInForce(one) !== countInForce(other)) return false;
  let looked = 0;
  for (const { id } of one.inForce()) {
    looked += 1;
    if (looked % STATES_AT_ONCE === 0) yield;
    const [state, found] = [one.get(id), other.get(id)];
    if (found === undefined || canonicalJson({ ...found }) !== canonicalJson({ ...state })) return false;
  }
  return true;
};

const faultText = ({ rule, text, author, seq, hash }: AuditFault): string => {
  const about = [
    author === undefined ? '' : `author ${author}`,
    seq === undefined ? '' : `entry ${seq}`,
    hash === undefined ? '' : `hash ${hash}`,
  ];
  return [`${rule}: ${text}`, ...about.filter((part) => part !== '')].join(', ');
};

const followText = (follow: boolean | undefined): string => {
  if (follow === undefined) return 'entries came in meanwhile: ask again';
  return follow ? 'follow from the entries' : 'do not follow from the entries';
};

const NOT_FOLLOWING = { rule: 'policies', text: 'those in force do not follow from the entries' };

/** The policies that do not follow count as a fault of their own, after those of entries. */
const withPolicies = (report: AuditReport, follow: boolean | undefined): AuditReport => {
  if (follow !== false) return report;
  const first = report.first ?? { ...NOT_FOLLOWING, author: undefined, seq: undefined, hash: undefined };
  return { ...report, sound: false, faults: report.faults + 1, first };
};

const rowsOf = (
  report: AuditReport,
  follow: boolean | undefined,
  voids: number,
): readonly (readonly [string, Cell])[] => {
  const { checked } = report;
  return [
    ['Ledger', report.sound ? 'sound' : `${report.faults} ${report.faults === 1 ? 'fault' : 'faults'}`],
    ['First fault', report.first === undefined ? '' : faultText(report.first)],
    ['Network', report.network],
    ['Metadata version', report.version],
    ['Entries', checked.entries],
    ['Authors', checked.authors],
    ['Signatures', checked.signatures],
    ['Bodies erased by right', checked.erased],
    ...(checked.archived === 0 ? [] : [['Bodies archived, not checked', checked.archived] as const]),
    ['Vouched for by a later entry', checked.vouched],
    ['Links to entries before', checked.links],
    ['Entries without effect, by the rules', voids],
    ['Of authors that signed two with one number', checked.void],
    ['Proofs of equivocation', checked.equivocations],
    ['Damaged lines, mended', checked.mended],
    ['Policies in force', followText(follow)],
  ];
};

const audit = async ({ context, signal }: Call<OptionTable>): Promise<Reply> => {
  const entries = await auditLedger(context.ledger, signal === undefined ? {} : { signal });
  const follow = await policiesFollow(context, signal);
  const report = withPolicies(entries, follow);
  const voids = voidEntries(context.policies).length;
  return givesTable({
    titles: ['Checked', 'Result'],
    rows: rowsOf(report, follow, voids),
    json: { ...report, policiesFollow: follow ?? null, void: voids },
  });
};

/** The ledger as evidence. */
export const auditCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain audit', 'blockchain test audit'],
    method: 'GET',
    remote: 'registered',
    explanation:
      'checks every entry on disk (form, hash, signature, log, links, time) and the policies that follow; prints what was checked and the first fault',
    examples: ['blockchain audit', 'ledger audit where format = json'],
    run: audit,
  }),
];
