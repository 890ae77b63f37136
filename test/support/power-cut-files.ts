import type { JournalFiles } from '../../src/ledger/journal-files.ts';

const SECTOR_BYTES = 512;

/**
 * Files in memory whose power fails in the middle of a write: of what it writes over any sectors are there, of what is
 * behind the end a part.
 */
export interface PowerCutFiles extends JournalFiles {
  /**
   * After so many more writes the next one is the last thing that happens: `keeps` says of each sector whether it was
   * written, `tail` how large a part of what makes the file longer. Undefined: the power stays.
   */
  cut: { after: number; readonly keeps: (sector: number) => boolean; readonly tail: number } | undefined;
  /** The power is back: what was open is no more. */
  restart(): void;
  readonly contents: Map<string, Buffer>;
}

/** In memory; each write is durable. */
export const createPowerCutFiles = (): PowerCutFiles => {
  const contents = new Map<string, Buffer>();
  const open = new Map<number, string>();
  let isOff = false;
  let handles = 0;
  const alive = (): void => {
    if (isOff) throw new Error('the power is off');
  };
  const pathOf = (handle: number): string => {
    alive();
    const path = open.get(handle);
    if (path === undefined) throw new Error('no such handle');
    return path;
  };
  const bytesOf = (handle: number): Buffer => contents.get(pathOf(handle)) ?? Buffer.alloc(0);
  const files: PowerCutFiles = {
    contents,
    cut: undefined,
    restart() {
      isOff = false;
      files.cut = undefined;
      open.clear();
    },
    syncWrites: false,
    makeDirectory: async () => alive(),
    list: async (dir) =>
      [...contents].map(([path, { byteLength }]) => ({ name: path.slice(dir.length + 1), bytes: byteLength })),
    open: async (path, how) => {
      alive();
      if (how === 'create') contents.set(path, Buffer.alloc(0));
      open.set((handles += 1), path);
      return handles;
    },
    size: async (handle) => bytesOf(handle).byteLength,
    read: async (handle, into, at) => bytesOf(handle).copy(into, 0, at),
    write: async (handle, bytes, at) => {
      const before = bytesOf(handle);
      const after = Buffer.concat([before.subarray(0, at), bytes, before.subarray(at + bytes.byteLength)]);
      const { cut } = files;
      const isLast = cut !== undefined && (cut.after -= 1) < 0;
      contents.set(pathOf(handle), isLast ? leftOf(before, after, cut) : after);
      if (!isLast) return bytes.byteLength;
      isOff = true;
      throw new Error('the power is off');
    },
    sync: async () => alive(),
    truncate: async (handle, bytes) => void contents.set(pathOf(handle), bytesOf(handle).subarray(0, bytes)),
    remove: async (path) => void contents.delete(path),
    rename: async (from, to) => {
      alive();
      contents.set(to, contents.get(from) ?? Buffer.alloc(0));
      contents.delete(from);
    },
    syncDirectory: async () => alive(),
    close: async (handle) => void open.delete(handle),
  };
  return files;
};

const leftOf = (before: Buffer, after: Buffer, cut: NonNullable<PowerCutFiles['cut']>): Buffer => {
  const parts: Buffer[] = [];
  for (let at = 0; at < before.byteLength; at += SECTOR_BYTES) {
    const written = cut.keeps(at / SECTOR_BYTES) ? after : before;
    parts.push(written.subarray(at, Math.min(before.byteLength, at + SECTOR_BYTES)));
  }
  const longer = Math.floor((after.byteLength - before.byteLength) * cut.tail);
  return Buffer.concat([...parts, after.subarray(before.byteLength, before.byteLength + longer)]);
};
