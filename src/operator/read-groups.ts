import type { FileRecord } from './file-record.ts';

/** Read at once: many small files, but not two large ones. */
const READ_FILES = 32;
const READ_ROWS = 20_000;

/** Files that are read together. */
export const readGroups = (records: readonly FileRecord[]): FileRecord[][] => {
  const groups: FileRecord[][] = [];
  let rows = 0;
  for (const record of records) {
    const group = groups.at(-1);
    rows += record.rows;
    if (group !== undefined && group.length < READ_FILES && rows <= READ_ROWS) group.push(record);
    else {
      groups.push([record]);
      rows = record.rows;
    }
  }
  return groups;
};

/** As many as have so many rows together, at least the first. */
export const withinRows = (
  files: readonly number[],
  records: ReadonlyMap<number, FileRecord>,
  limit: number,
): readonly number[] => {
  let rows = 0;
  const over = files.findIndex((file, index) => {
    rows += records.get(file)?.rows ?? 0;
    return index > 0 && rows > limit;
  });
  return over < 0 ? files : files.slice(0, over);
};
