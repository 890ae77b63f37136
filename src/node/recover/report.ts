import type { Holdings } from '../../operator/file-record.ts';
import { countRanges, subtractRanges } from '../../operator/ranges.ts';

/** Files of one origin. */
export interface OriginProgress {
  readonly origin: string;
  readonly files: number;
  /** Held by any peer that was compared, or here. */
  readonly filesKnown: number;
  readonly rows: number;
}

/** How far each origin is; `rows` by origin. Pure. */
export const progressOf = (
  own: Holdings,
  known: Holdings,
  rows: ReadonlyMap<string, number>,
): readonly OriginProgress[] =>
  [...known].map(([origin, ranges]) => ({
    origin,
    files: countRanges(own.get(origin) ?? []),
    filesKnown: countRanges(ranges),
    rows: rows.get(origin) ?? 0,
  }));

/** What is known when everything that can be had is here. */
export interface RecoveredView {
  readonly own: Holdings;
  /** Operators of the cluster by its policies, the own one included, by id. */
  readonly operators: ReadonlyMap<string, { readonly name: string; readonly compared: boolean }>;
  readonly self: string;
  /** Tables that the cluster's policies name, as `dbms.table`, and those that have a file here. */
  readonly tables: readonly string[];
  readonly tablesHeld: ReadonlySet<string>;
}

/** What the policies say existed and nobody gave back, one line each; empty where all is back. Pure. */
export const missingOf = ({ own, operators, self, tables, tablesHeld }: RecoveredView): readonly string[] => {
  const missing: string[] = [];
  const peers = [...operators].filter(([id]) => id !== self);
  if (peers.length === 0)
    missing.push('the cluster has no other operator: nobody could give back data, of this one or of others');
  for (const [, { name, compared }] of peers)
    if (!compared) missing.push(`${name} was not reached: files that only it holds are missing until it is back`);
  for (const [origin, ranges] of own) {
    const last = ranges.at(-1)?.[1] ?? 0;
    const gaps = subtractRanges([[1, last]], ranges);
    if (gaps.length > 0)
      missing.push(`${countRanges(gaps)} files of ${operators.get(origin)?.name ?? origin}: ${shown(gaps)}`);
  }
  for (const table of tables)
    if (!tablesHeld.has(table)) missing.push(`the table ${table}: nobody gave back a file of it`);
  return missing;
};

const SHOWN_MAX = 10;

const shown = (ranges: readonly (readonly [number, number])[]): string =>
  ranges
    .slice(0, SHOWN_MAX)
    .map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`))
    .join(', ') + (ranges.length > SHOWN_MAX ? ', …' : '');
