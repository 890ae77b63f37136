import { z } from 'zod';
import { DIFFERENCES_MAX } from '../../base/limits.ts';

/** What the members say: one that does not answer, or in another form, says undefined. */
export type ByMember<T> = readonly (T | undefined)[];

const bucket = z.object({ bucket: z.string(), files: z.number(), rows: z.number(), sum: z.string() });
const tableSums = z.object({ strays: z.number(), buckets: z.array(bucket) });
const fileSum = z.object({
  origin: z.string(),
  file: z.number(),
  time: z.string(),
  status: z.string(),
  about: z.string(),
  rows: z.number(),
  sum: z.string(),
});

/** A member's answer to `get tsd sums`, by table. */
export type TableSums = Readonly<Record<string, z.infer<typeof tableSums>>>;
/** A file of a table in a member's answer to `get tsd sums`. */
export type ListedFile = z.infer<typeof fileSum>;

const parsed = <T>(schema: z.ZodType<T>, json: unknown): T | undefined => schema.safeParse(json).data;

/** Its sums by table; undefined where the answer has another form. */
export const tablesIn = (json: unknown): TableSums | undefined => parsed(z.record(z.string(), tableSums), json);
/** Its files of a table, none where it names none; undefined where the answer has another form. */
export const filesIn = (json: unknown, table: string): readonly ListedFile[] | undefined => {
  const tables = parsed(z.record(z.string(), z.object({ files: z.array(fileSum) })), json);
  return tables === undefined ? undefined : (tables[table]?.files ?? []);
};
/** Its digests of a file's rows, in order; undefined where the answer has another form. */
export const rowsIn = (json: unknown): readonly string[] | undefined => parsed(z.array(z.string()), json);

/** Buckets of a table that are not the same at all members that answered, the newest first. */
export const differingBuckets = (members: ByMember<TableSums>, table: string): readonly string[] => {
  const answered = members.filter((member) => member !== undefined);
  const names = new Set(answered.flatMap((member) => (member[table]?.buckets ?? []).map(({ bucket: name }) => name)));
  const sumOf = (member: TableSums, name: string): string =>
    member[table]?.buckets.find(({ bucket: other }) => other === name)?.sum ?? '';
  return [...names]
    .filter((name) => new Set(answered.map((member) => sumOf(member, name))).size > 1)
    .sort()
    .reverse();
};

/** One file that is not the same everywhere, and what each member has of it. */
export interface Difference {
  readonly table: string;
  readonly bucket: string;
  readonly origin: string;
  readonly file: number;
  /** One a member: undefined where it did not answer. */
  readonly has: readonly string[];
  /** All hold its rows, as many, and not the same. */
  readonly inRows: boolean;
  /** Places in the file of rows that differ, from 1, the first of them. */
  readonly rows: readonly number[];
}

const stateOf = (file: ListedFile | undefined): string => {
  if (file === undefined) return 'lacks it';
  return file.status === 'stored'
    ? `${file.rows} rows, ${file.about.slice(0, 6)}:${file.sum.slice(0, 12)}`
    : file.status;
};

/** The files of some buckets that are not the same at all members that answered, those of the newest bucket first. */
export const differingFiles = (
  members: ByMember<readonly ListedFile[]>,
  table: string,
  buckets: readonly string[],
): readonly Difference[] => {
  const byKey = members.map((files) => files && new Map(files.map((file) => [`${file.origin}/${file.file}`, file])));
  const files = new Map(byKey.flatMap((map) => [...(map ?? [])]));
  return [...files]
    .flatMap(([key, { origin, file, time }]): Difference[] => {
      const held = byKey.map((map) => map?.get(key));
      const has = byKey.map((map, index) => (map === undefined ? 'no answer' : stateOf(held[index])));
      if (new Set(has.filter((one) => one !== 'no answer')).size <= 1) return [];
      const stored = held.filter((one) => one !== undefined);
      const inRows = stored.length > 1 && stored.every(({ status }) => status === 'stored');
      const bucket = buckets.find((beginning) => time.startsWith(beginning)) ?? '';
      return [{ table, bucket, origin, file, has, inRows, rows: [] }];
    })
    .sort((a, b) => (a.bucket < b.bucket ? 1 : a.bucket > b.bucket ? -1 : 0))
    .slice(0, DIFFERENCES_MAX);
};

const ROWS_NAMED_MAX = 20;

/** Places, from 1, where the rows of a file are not the same at all members that answered. */
export const differingRows = (members: ByMember<readonly string[]>): readonly number[] => {
  const answered = members.filter((rows) => rows !== undefined);
  const length = Math.max(0, ...answered.map((rows) => rows.length));
  const places: number[] = [];
  for (let at = 0; at < length && places.length < ROWS_NAMED_MAX; at += 1)
    if (new Set(answered.map((rows) => rows[at] ?? '')).size > 1) places.push(at + 1);
  return places;
};
