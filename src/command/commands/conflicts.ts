import { LOG_ENTRIES_DEFAULT, LOG_ENTRIES_MAX } from '../../base/limits.ts';
import { inSlices } from '../../base/slices.ts';
import { type Conflict, conflictsOf } from '../../policy/conflicts.ts';
import { EVERYTHING } from '../../policy/moment.ts';
import { authorNames, type Signed, signedBy } from '../../policy/signed.ts';
import { anyText, integer, optional, withDefault } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { count } from './common.ts';
import { SIGNED_TITLES, signedCells } from './history.ts';

const conflictOptions = {
  id: optional(anyText, 'only those of one policy', ['policy_id']),
  type: optional(anyText, 'only those of one policy type'),
  rule: optional(anyText, 'only those of one rule, for example concurrent-update'),
  limit: withDefault(integer(1, LOG_ENTRIES_MAX), LOG_ENTRIES_DEFAULT, 'how many to list, newest first'),
};

const passes = (
  { type, id, rule }: Conflict,
  wanted: { readonly [name in 'id' | 'type' | 'rule']: string | undefined },
): boolean =>
  (wanted.id === undefined || wanted.id === id) &&
  (wanted.type === undefined || wanted.type === type) &&
  (wanted.rule === undefined || wanted.rule === rule);

interface Told extends Omit<Conflict, 'entries'> {
  readonly entries: readonly Signed[];
}

const rowsOf = ({ rule, text, type, id, holder, by, entries }: Told) =>
  entries.map((entry, index) =>
    index === 0
      ? [rule, type ?? '', id ?? '', ...signedCells(entry), entry.entry, text, holder ?? '', by ?? '']
      : ['', '', '', ...signedCells(entry), entry.entry, '', '', ''],
  );

/** Folded anew from what is held now: the entries that come in meanwhile change nothing in between. */
const conflicts = async (call: Call<typeof conflictOptions>): Promise<Reply> => {
  const { context, options, signal } = call;
  const { book, forks } = await context.policies.past(EVERYTHING, signal);
  const found = (await inSlices(conflictsOf(book, forks), signal)).filter((conflict) => passes(conflict, options));
  const names = authorNames(book);
  const listed = found.slice(0, options.limit).map((conflict) => ({
    ...conflict,
    entries: conflict.entries.map((fact) => signedBy(fact, context.policies.chronicle, names)),
  }));
  return givesTable({
    above: `${count(found.length, 'conflict', 'conflicts')}${found.length > listed.length ? `, the newest ${listed.length}` : ''}`,
    titles: ['Rule', 'Type', 'Policy', ...SIGNED_TITLES, 'Entry', 'Why', 'Holder', 'By Entry'],
    rows: listed.flatMap(rowsOf),
    json: { count: found.length, conflicts: listed },
  });
};

/** What clashed. */
export const conflictCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain conflicts'],
    method: 'GET',
    explanation:
      'lists updates that replaced the same version, entries without effect and why, and authors that signed two entries with one number',
    examples: ['blockchain conflicts', 'blockchain conflicts where type = operator and rule = constraint'],
    options: conflictOptions,
    run: conflicts,
  }),
];
