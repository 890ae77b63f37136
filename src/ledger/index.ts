import { rm } from 'node:fs/promises';
import { Level } from 'level';
import { z } from 'zod';
import { fault, type HoldfastError, textOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { AuthorTable, decodeGroup, encodeGroup, type IndexRecord } from './index-record.ts';
import type { KnownLines } from './known-lines.ts';
import type { Cursor } from './ledger.ts';
import type { SignatureMark } from './store.ts';

/** Raised when the form of a record changes: an index of a form that is not known is rebuilt. */
const INDEX_FORM = '2';
/** The form before has no times that count from the one before; its records are read as they are. */
const KNOWN_FORMS: ReadonlySet<string> = new Set(['1', INDEX_FORM]);
const FORM_KEY = 'form';
const MARK_KEY = 'signatures';
/** Groups of records, by the cursor of the first: `e000000000000`. */
const GROUP_PREFIX = 'e';
const GROUPS_END = 'f';
const READ_BYTES = 1_048_576;
/** Records in one value: at most so many lines are read from the journal after a crash. */
const GROUP_RECORDS = 256;

const groupKey = (cursor: Cursor): string => `${GROUP_PREFIX}${String(cursor).padStart(12, '0')}`;

/**
 * The only door to level: where each line of the journal lies and what is needed to link, order and find its entry.
 * It may lag behind the journal (then the journal's tail is read at the next start) and may be deleted at any time.
 */
export class LedgerIndex {
  #db: Level<string, Buffer>;
  readonly #dir: string;
  readonly #log: Logger;
  #authors = new AuthorTable();
  #unwritten: IndexRecord[] = [];
  #mark: SignatureMark | undefined;
  /** How far the mark in the index says. */
  #markedTo: Cursor = 0;
  #unwrittenFrom: Cursor = 0;
  #cursorOf: (hash: string) => Cursor | undefined = () => undefined;
  #pending: { readonly key: string; readonly value: Buffer }[] = [];
  #writing: Promise<void> | undefined;
  /** Why it cannot be written any more. */
  failure: HoldfastError | undefined;
  /** Called once, when it cannot be written any more: then another one takes over. */
  onFailure: (failure: HoldfastError) => void = () => {};

  constructor(db: Level<string, Buffer>, dir: string, log: Logger) {
    this.#db = db;
    this.#dir = dir;
    this.#log = log;
  }

  /** Reads everything into `lines`, which are empty; undefined where any of it is not sound, or of another form. */
  async load(lines: KnownLines): Promise<SignatureMark | undefined> {
    try {
      const [form, mark] = await this.#db.getMany([FORM_KEY, MARK_KEY]);
      if (!KNOWN_FORMS.has(form?.toString() ?? '')) return undefined;
      const { positions, places } = lines;
      // Of a line that cannot be read there is none.
      const hashAt = (cursor: Cursor): string | undefined => places.hash(cursor) || undefined;
      const groups = this.#db.iterator({ gte: GROUP_PREFIX, lt: GROUPS_END, highWaterMarkBytes: READ_BYTES });
      try {
        for (;;) {
          const read = await groups.nextv(1_000);
          if (read.length === 0) break;
          for (const [key, value] of read) {
            const at = positions.length;
            const group = key === groupKey(at) ? decodeGroup(value, at, this.#authors, hashAt) : undefined;
            if (group === undefined) return undefined;
            for (const record of group.records) lines.add(record);
          }
        }
      } finally {
        await groups.close();
      }
      // Before the first record of this form: an earlier program must not read it.
      if (form?.toString() !== INDEX_FORM) this.#put(FORM_KEY, Buffer.from(INDEX_FORM));
      const { checkedTo, bad } = parseMark(mark);
      this.#markedTo = checkedTo;
      return { checkedTo: Math.min(checkedTo, positions.length), bad };
    } catch (caught) {
      this.#log.warn('cannot read the index of the ledger', { text: textOf(caught) });
      return undefined;
    }
  }

  /** Forgets everything, before it is built again: one that opens and cannot be read is deleted. */
  async clear(): Promise<void> {
    this.#unwritten = [];
    this.#pending = [];
    await this.#writing;
    this.#authors = new AuthorTable();
    this.#markedTo = 0;
    try {
      await this.#db.clear();
    } catch (caught) {
      this.#log.warn('cannot clear the index of the ledger', { dir: this.#dir, text: textOf(caught) });
      await this.#db.close();
      await removeIndex(this.#dir, this.#log);
      this.#db = makeLevel(this.#dir);
      await this.#db.open();
    }
    await this.#db.put(FORM_KEY, Buffer.from(INDEX_FORM));
  }

  /**
   * Takes up the records of the lines from `cursor` on, and writes them in the background, many at a time. What a crash
   * takes is read from the journal again.
   */
  add(cursor: Cursor, records: readonly IndexRecord[], cursorOf: (hash: string) => Cursor | undefined): void {
    if (this.failure !== undefined) return;
    // The lines of a group follow one another in one file.
    if (this.#unwritten.at(-1)?.position.file !== records[0]?.position.file) this.#flush();
    if (this.#unwritten.length === 0) this.#unwrittenFrom = cursor;
    this.#unwritten.push(...records);
    this.#cursorOf = cursorOf;
    if (this.#unwritten.length >= GROUP_RECORDS) this.#flush();
  }

  /** A line was not where the index says, or is damaged: the next start builds the index from the journal. */
  distrust(): void {
    if (this.failure === undefined) this.#put(FORM_KEY, Buffer.from('distrusted'));
  }

  /** The same, durable when it resolves: the journal is about to be rewritten. */
  async distrustDurably(): Promise<void> {
    this.distrust();
    await this.#writing;
    if (this.failure === undefined) await this.#db.put(FORM_KEY, Buffer.from('distrusted'), { sync: true });
  }

  /**
   * Written with the next group, or at once where it is a group's worth ahead: a mark for every few entries, and a
   * group cut short for each, would take more room than the entries' records. After a crash some signatures are checked
   * again.
   */
  saveMark(mark: SignatureMark): void {
    this.#mark = mark;
    if (mark.checkedTo >= this.#markedTo + GROUP_RECORDS) this.#flushMark();
  }

  async close(): Promise<void> {
    this.#flush();
    this.#flushMark();
    await this.#writing;
    await this.#db.close();
  }

  #flush(): void {
    if (this.#unwritten.length === 0 || this.failure !== undefined) return;
    const group = { cursor: this.#unwrittenFrom, records: this.#unwritten };
    this.#unwritten = [];
    this.#put(groupKey(group.cursor), encodeGroup(group, this.#authors, this.#cursorOf));
    this.#flushMark();
  }

  #flushMark(): void {
    if (this.#mark === undefined || this.failure !== undefined) return;
    this.#put(MARK_KEY, Buffer.from(JSON.stringify(this.#mark)));
    this.#markedTo = this.#mark.checkedTo;
    this.#mark = undefined;
  }

  #put(key: string, value: Buffer): void {
    this.#pending.push({ key, value });
    this.#writing ??= this.#write();
  }

  async #write(): Promise<void> {
    try {
      while (this.#pending.length > 0) {
        const batch = this.#pending.map(({ key, value }) => ({ type: 'put' as const, key, value }));
        this.#pending = [];
        await this.#db.batch(batch);
      }
    } catch (caught) {
      // No harm done: level keeps a prefix of what it was given, and the journal has the rest.
      this.failure = indexFault(this.#dir, caught);
      this.#pending = [];
      this.#log.warn('the index of the ledger cannot be written; it is opened again and brought up to date', {
        text: textOf(caught),
      });
      this.onFailure(this.failure);
    } finally {
      this.#writing = undefined;
    }
  }
}

const cursor = z.number().int().nonnegative();
const markSchema = z.object({ checkedTo: cursor, bad: z.array(cursor) });

const asJson = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};

/** One that cannot be read is none: all signatures are checked again. */
const parseMark = (value: Buffer | undefined): SignatureMark => {
  const none: SignatureMark = { checkedTo: 0, bad: [] };
  if (value === undefined) return none;
  const mark = markSchema.safeParse(asJson(value.toString()));
  return mark.success ? mark.data : none;
};

const codesOf = (caught: unknown): readonly unknown[] => {
  const codes: unknown[] = [];
  for (let error = caught; error instanceof Error && codes.length < 8; error = error.cause)
    codes.push('code' in error ? error.code : undefined);
  return codes;
};

/** What the operating system says in level's texts, which carry no code. */
const SYSTEM_TEXTS: readonly (readonly [RegExp, string])[] = [
  [/no space left/i, 'ENOSPC'],
  [/read-only file system/i, 'EROFS'],
  [/input\/output error/i, 'EIO'],
];

const indexFault = (dir: string, caught: unknown): HoldfastError => {
  let text = textOf(caught);
  for (let error = caught; error instanceof Error; error = error.cause) text = error.message;
  const reason = SYSTEM_TEXTS.find(([pattern]) => pattern.test(text))?.[1] ?? 'LEVEL';
  return fault('LEDGER_INDEX_FAILED', `the index of the ledger in ${dir}: ${text}`, {
    data: { reason },
    cause: caught,
  });
};

/**
 * Opens the index; its lock (the operating system's, gone with the process) is also the directory's. A damaged one is
 * deleted. `LEDGER_INDEX_FAILED` where level cannot open at all: a full or read-only disk. `LEDGER_DIR_IN_USE`.
 */
export const openIndex = async (dir: string, log: Logger): Promise<LedgerIndex> => {
  for (let attempt = 1; ; attempt += 1) {
    const db = makeLevel(dir);
    try {
      await db.open();
      return new LedgerIndex(db, dir, log);
    } catch (caught) {
      if (codesOf(caught).includes('LEVEL_LOCKED'))
        throw fault('LEDGER_DIR_IN_USE', `another running node uses ${dir}`, {
          data: { dir },
          hint: 'stop that node, or start this one with another --dir',
        });
      const failure = indexFault(dir, caught);
      // Nothing is wrong with an index that the disk has no room for.
      if (attempt === 2 || failure.data['reason'] !== 'LEVEL') throw failure;
      log.warn('cannot open the index of the ledger', { dir, text: textOf(caught) });
      await removeIndex(dir, log);
    }
  }
};

const makeLevel = (dir: string): Level<string, Buffer> =>
  new Level<string, Buffer>(dir, { keyEncoding: 'utf8', valueEncoding: 'buffer' });

const removeIndex = async (dir: string, log: Logger): Promise<void> => {
  try {
    await rm(dir, { recursive: true, force: true });
  } catch (caught) {
    log.warn('cannot delete the damaged index of the ledger', { dir, text: textOf(caught) });
  }
};
