import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';

/** One figure beside the raw limit of the same work, measured in the same run. */
export interface Figure {
  readonly work: string;
  readonly ours: number;
  /** What the machine can do at most at this work; undefined where there is no such thing. */
  readonly limit?: number | undefined;
  /** What the limit is: `append + fdatasync`. */
  readonly against?: string;
  readonly unit: string;
  /** What the ratio should be, as text: `≥ 50 %`. */
  readonly target: string;
}

const number = (value: number): string =>
  value >= 100
    ? Math.round(value).toLocaleString('en-US')
    : value.toLocaleString('en-US', { maximumFractionDigits: 2 });

/**
 * The environment of a bench's process that stands for a node: the launcher turns the compile cache on, without which
 * each thread strips types by itself, in memory that it keeps.
 */
export const NODE_ENVIRONMENT = { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache') };

/** Prints the figures as a table; with `--json` among the arguments one JSON line. */
export const report = (title: string, figures: readonly Figure[]): void => {
  if (process.argv.includes('--json')) {
    console.log(JSON.stringify({ title, node: process.version, cores: cpus().length, figures }));
    return;
  }
  const rows = figures.map(({ work, ours, limit, against, unit, target }) => [
    work,
    `${number(ours)} ${unit}`,
    limit === undefined ? '' : `${number(limit)} ${unit}`,
    limit === undefined ? '' : `${Math.round((ours / limit) * 100)} %`,
    target,
    against ?? '',
  ]);
  const titles = ['work', 'ours', 'raw limit', 'ours/limit', 'target', 'the limit is'];
  const widths = titles.map((text, column) => Math.max(text.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        column >= 1 && column <= 3 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ');
  console.log(`\n${title} (Node ${process.version}, ${cpus().length} cores)`);
  console.log(line(titles));
  console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
};

/** The value below which a share of the samples lies; `share` in 0 … 1. */
export const quantile = (samples: readonly number[], share: number): number => {
  const sorted = [...samples].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
};

/** Milliseconds that some work takes. */
export const timed = async (work: () => unknown): Promise<number> => {
  const start = performance.now();
  await work();
  return performance.now() - start;
};
