import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { textOf } from '../base/errors.ts';
import { makePath, writeFileDurably } from '../base/files.ts';
import { SPLIT_VIEWS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import { sha256Hex } from '../codec/hash.ts';
import { readSplitView, splitOrigin, type SplitView, splitViewJson, splitViewSchema } from './split-view.ts';

/** The split views that a node can prove, one a log and at most `SPLIT_VIEWS_MAX`, each a file. */
export class SplitViews {
  readonly #dir: string;
  readonly #log: Logger;
  readonly #known = new Map<string, SplitView>();
  readonly #writing = new Set<Promise<void>>();
  #closed = false;

  constructor(dir: string, log: Logger) {
    this.#dir = dir;
    this.#log = log;
  }

  /** Takes up what is on disk; a file that proves nothing is left alone and said. */
  async load(): Promise<void> {
    await makePath(this.#dir);
    const names = (await readdir(this.#dir)).filter((name) => name.endsWith('.json')).sort();
    for (const name of names.slice(0, SPLIT_VIEWS_MAX)) {
      try {
        const json: unknown = JSON.parse(await readFile(join(this.#dir, name), 'utf8'));
        const split = readSplitView(splitViewSchema.parse(json));
        this.#known.set(splitOrigin(split), split);
      } catch (caught) {
        this.#log.error('a file of split views cannot be read', { file: name, text: textOf(caught) });
      }
    }
  }

  list(): readonly SplitView[] {
    return [...this.#known.values()];
  }

  has(origin: string): boolean {
    return this.#known.has(origin);
  }

  /**
   * Keeps the first of each log; true for one that is new. It counts at once; that it is durable takes a moment. False
   * once closed.
   */
  async add(split: SplitView): Promise<boolean> {
    const origin = splitOrigin(split);
    if (this.#closed || this.#known.has(origin) || this.#known.size >= SPLIT_VIEWS_MAX) return false;
    this.#known.set(origin, split);
    const path = join(this.#dir, `${sha256Hex(origin).slice(0, 32)}.json`);
    const writing = this.#write(path, split);
    this.#writing.add(writing);
    await writing;
    this.#writing.delete(writing);
    return true;
  }

  /** Waits for what is being written; nothing is written afterwards. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#writing);
  }

  async #write(path: string, split: SplitView): Promise<void> {
    try {
      await writeFileDurably(path, `${JSON.stringify(splitViewJson(split), undefined, 1)}\n`);
    } catch (caught) {
      this.#log.error('the proof of a split view cannot be written', { file: path, text: textOf(caught) });
    }
  }
}
