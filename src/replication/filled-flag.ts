import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { StateFile } from '../base/state-file.ts';
import type { FileRanges, Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import type { FilledFlag } from './replication.ts';
import { countFiles, lackingOf } from './transfer/holdings.ts';

/** So often at most the flag is brought up to date: what came after it is held, or is lacking like after any pause. */
const KEEP_MS = 10_000;

const id = z.int().positive();
const heldSchema = z.object({ held: z.array(z.tuple([z.string(), z.array(z.tuple([id, id]))])) });

/**
 * The flag as a small file with what was held, so that a node whose databases were lost or moved away since is not
 * taken for filled. A file that cannot be understood is as none: a comparison makes it again.
 */
export const createFilledFlag = (file: StateFile): FilledFlag => ({
  async load() {
    try {
      const parsed = heldSchema.safeParse(JSON.parse(await readFile(file.path, 'utf8')));
      return parsed.success ? new Map(parsed.data.held) : undefined;
    } catch (caught) {
      if (systemCode(caught) === 'ENOENT' || caught instanceof SyntaxError) return undefined;
      throw caught;
    }
  },
  save: (held) => file.keep(`${JSON.stringify({ held: [...held] })}\n`),
});

/** What was held when this operator was last known to be filled. */
export interface Kept {
  /** undefined: it was never filled, or some of it is lost: databases can be lost or moved away from beside the flag. */
  readonly held: Holdings | undefined;
  readonly lost: Holdings;
}

/** Says in the log where some of it is lost. */
export const keptOf = async (ports: {
  readonly filledFlag: FilledFlag;
  readonly store: FileStore;
  readonly log: Logger;
}): Promise<Kept> => {
  const { filledFlag, store, log } = ports;
  const held = await filledFlag.load();
  const lost = new Map(lackingOf(held ?? new Map<string, FileRanges>(), store.holdings()));
  if (lost.size === 0) return { held, lost };
  const files = countFiles(lost);
  log.warn(
    `${files} files that were held here are lost: answers say that they lack them until the peers have returned them`,
  );
  return { held: undefined, lost };
};

/** Keeps the flag up to date with what a filled operator holds. */
export class FilledKeeper {
  readonly #flag: FilledFlag;
  readonly #clock: Clock;
  #kept: Holdings | undefined;
  #nextMs = 0;
  #saving: Promise<void> = Promise.resolve();

  /** `kept`: what the flag says; undefined: it is not set. */
  constructor(flag: FilledFlag, kept: Holdings | undefined, clock: Clock) {
    this.#flag = flag;
    this.#kept = kept;
    this.#clock = clock;
  }

  /** The operator is filled and holds this: the flag says so soon. Cheap to call often. */
  note(own: Holdings): void {
    if (this.#kept === undefined || this.#clock.monotonicMs() >= this.#nextMs) this.#save(own);
  }

  /** As `note`, the last time: resolves when the flag says it, or cannot now. */
  async close(own: Holdings): Promise<void> {
    this.#save(own);
    await this.#saving;
  }

  #save(own: Holdings): void {
    const before = this.#kept;
    if (before !== undefined && lackingOf(own, before).length === 0) return;
    const held = new Map(own);
    this.#kept = held;
    this.#nextMs = this.#clock.monotonicMs() + KEEP_MS;
    this.#saving = this.#saving.then(() => this.#flag.save(held));
  }
}
