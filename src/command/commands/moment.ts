import { fault, hasCode } from '../../base/errors.ts';
import { policyDate } from '../../entry/time.ts';
import type { Fact } from '../../policy/facts.ts';
import { momentText, readFrontier, type StatedMoment } from '../../policy/moment.ts';
import type { Past } from '../../policy/past.ts';
import type { PolicySource } from '../../policy/query.ts';
import { countInForce } from '../../policy/state.ts';
import { parseDate } from '../grammar/dates.ts';
import type { Surroundings } from '../registry.ts';
import { jsonText, type Reply } from '../reply.ts';
import { missingText } from '../note.ts';
import { count } from './common.ts';

/** How the policies of a moment are shown. Which nodes held them then is not known, so they carry no `ledger`. */
export type PastSource = (past: Past) => PolicySource;

/** With what anmp policies of that moment laid over them. */
export const asShown: PastSource = ({ book }) => ({
  book,
  document: ({ type, id, value }) => ({ [type]: book.shown(id) ?? value }),
});

/** As they were inserted and updated. */
export const asStored: PastSource = ({ book }) => ({ book, document: ({ type, value }) => ({ [type]: value }) });

/**
 * A date (in any form of the language), a frontier, or the hash of an entry. `COMMAND_DATE` for what is none of them.
 */
export const readMoment = (text: string, nowMs: number): StatedMoment => {
  const frontier = readFrontier(text);
  if (frontier !== undefined) return frontier;
  try {
    return { kind: 'time', micros: Math.round(parseDate(text, nowMs) * 1_000) };
  } catch (caught) {
    if (!hasCode(caught, 'COMMAND_DATE')) throw caught;
    throw fault('COMMAND_DATE', `"${text.slice(0, 80)}" is no date, no frontier and no hash of an entry`, {
      data: { value: text.slice(0, 200) },
      hint: 'for example "2026-01-31 10:20:30", -30d, the hash of an entry (blockchain log), or what get frontier prints',
      cause: caught,
    });
  }
};

/** A past, and what is odd about its date: an empty answer may mean that, and not what was asked for. */
interface RemarkedPast extends Past {
  readonly remark?: string;
}

/** The policies as of a moment that a user wrote. */
export const pastOf = async ({ context, signal }: Surroundings, text: string): Promise<RemarkedPast> => {
  const nowMs = context.clock.wallMs();
  const past = await context.policies.past(readMoment(text, nowMs), signal);
  const remark = remarkOf(past, nowMs, context.policies.chronicle.facts());
  return remark === undefined ? past : { ...past, remark };
};

const remarkOf = ({ moment, entries }: Past, nowMs: number, facts: readonly Fact[]): string | undefined => {
  if (moment.kind !== 'time') return undefined;
  if (moment.micros > Math.ceil(nowMs * 1_000)) return 'a date to come';
  if (entries > 0 || facts.length === 0) return undefined;
  return `before the first entry (${policyDate(facts.reduce((first, { time }) => Math.min(first, time), Infinity))})`;
};

/** A moment and what is known of it, as JSON. */
export const momentJson = (past: RemarkedPast): Readonly<Record<string, unknown>> => ({
  moment: momentText(past.moment),
  ...(past.remark === undefined ? {} : { remark: past.remark }),
  entries: past.entries,
  policies: countInForce(past.book),
  root: past.root,
  cameLater: past.late ?? null,
  missing: past.book.missingBodies,
  equivocations: [...past.forks].map(([author, { seq }]) => ({ author, seq })),
});

/** What the policies of a moment lack, for a line about it. */
export const missingParts = ({ book: { missingBodies } }: Past): readonly string[] =>
  missingBodies === 0 ? [] : [missingText(missingBodies)];

/** The same in a line. */
export const momentLine = (past: RemarkedPast): string => {
  const { moment, entries, root, late, forks, book, remark } = past;
  const when =
    moment.kind === 'frontier'
      ? `As of a frontier of ${count(moment.heads.length, 'head', 'heads')}`
      : `${moment.kind === 'time' ? 'As of' : 'Known at'} ${momentText(moment)}`;
  const parts = [
    `${when}${remark === undefined ? '' : `, ${remark}`}: ${count(countInForce(book), 'policy', 'policies')} of ${count(entries, 'entry', 'entries')}`,
    `state root ${root}`,
    ...(late === undefined ? [] : [`${late} of the entries came here later and may have been unknown then`]),
    ...missingParts(past),
    ...(forks.size === 0 ? [] : [`${count(forks.size, 'author', 'authors')} signed two entries with one number`]),
  ];
  return parts.join('; ');
};

/** A reply about a moment: what the moment is, then the answer. */
export const withMoment = (past: RemarkedPast, reply: Reply, wantsJson: boolean): Reply => {
  const json = { asOf: momentJson(past), result: reply.json ?? null };
  if (wantsJson) return { text: undefined, json };
  const text = reply.text ?? jsonText(reply.json);
  return { text: text.startsWith('\n') ? `\n${momentLine(past)}${text}` : `${momentLine(past)}\n${text}`, json };
};
