import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import type { Clock } from '../base/clock.ts';
import { systemCode } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { StateFile } from '../base/state-file.ts';
import type { Holdings } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import { uniteHoldings } from './announced.ts';
import type { FilledFlag, Remembered } from './replication.ts';
import { countFiles, lackingOf } from './transfer/holdings.ts';

/** So often at most the flag is brought up to date: what came after it is held, or is lacking like after any pause. */
const KEEP_MS = 10_000;

const id = z.int().positive();
const cluster = z.string().optional();
const files = z.array(z.tuple([z.string(), z.array(z.tuple([id, id]))]));
/** An earlier version knows `held` alone: to it, what is not filled says nothing. */
const flagSchema = z.union([
  z.object({ held: files, cluster }).transform(({ held, ...of }) => ({ filled: true, files: new Map(held), ...of })),
  z
    .object({ wanted: files, cluster })
    .transform(({ wanted, ...of }) => ({ filled: false, files: new Map(wanted), ...of })),
]);

/**
 * The flag as a small file with what was held, so that a node whose databases were lost or moved away since is not
 * taken for filled. A file that cannot be understood is as none: a comparison makes it again.
 */
export const createFilledFlag = (file: StateFile): FilledFlag => ({
  async load() {
    try {
      const parsed = flagSchema.safeParse(JSON.parse(await readFile(file.path, 'utf8')));
      return parsed.success ? parsed.data : undefined;
    } catch (caught) {
      if (systemCode(caught) === 'ENOENT' || caught instanceof SyntaxError) return undefined;
      throw caught;
    }
  },
  save: ({ filled, files: known, cluster: of }) =>
    file.keep(`${JSON.stringify({ [filled ? 'held' : 'wanted']: [...known], cluster: of })}\n`),
});

/** What is known of an earlier run. */
export interface Kept {
  readonly filled: boolean;
  readonly remembered: Holdings;
  /** What is not here of it: databases can be lost or moved away from beside the flag, or peers had not given all that they held. */
  readonly lost: Holdings;
  /** Own files may be lost that nobody remembers. */
  readonly ownLost: boolean;
  /** The cluster that all this is about. */
  readonly cluster: string | undefined;
}

/** Says in the log where files are lost. */
export const keptOf = async (ports: {
  readonly filledFlag: FilledFlag;
  readonly store: FileStore;
  readonly log: Logger;
  readonly cluster?: (() => string | undefined) | undefined;
}): Promise<Kept> => {
  const { filledFlag, store, log } = ports;
  const kept: Remembered = (await filledFlag.load()) ?? { filled: false, files: new Map() };
  const { filled, files: remembered } = kept;
  // What its former cluster held says nothing of the one that it was moved to while it was off.
  const now = ports.cluster?.() ?? kept.cluster;
  const isMoved = kept.cluster !== undefined && now !== kept.cluster;
  const lost = new Map(lackingOf(remembered, store.holdings()));
  const ownLost = lost.size > 0 && (filled || lost.has(store.origin));
  if (lost.size > 0)
    log.warn(
      `${countFiles(lost)} files that ${filled ? 'were held here are lost' : 'peers held are not here yet'}: answers say that they lack them until the peers have ${filled ? 'returned' : 'given'} them`,
    );
  return { filled: filled && lost.size === 0 && !isMoved, remembered, lost, ownLost, cluster: now };
};

/** Keeps the flag up to date with what a filled operator holds. */
export class FilledKeeper {
  readonly #flag: FilledFlag;
  readonly #clock: Clock;
  readonly #of: { readonly cluster: string | undefined };
  #kept: Remembered;
  #nextMs = 0;
  #saving: Promise<void> = Promise.resolve();

  /** `kept`: what is known of an earlier run; `of`: the own cluster as it is. */
  constructor(flag: FilledFlag, kept: Remembered, clock: Clock, of: { readonly cluster: string | undefined }) {
    this.#flag = flag;
    this.#kept = kept;
    this.#clock = clock;
    this.#of = of;
  }

  /** The operator is filled and holds this: the flag says so soon. Cheap to call often. */
  note(own: Holdings): void {
    if (!this.#isKept || this.#clock.monotonicMs() >= this.#nextMs) this.#save(own);
  }

  /** As `note`, the last time: resolves when the flag says it, or cannot now. */
  async close(own: Holdings): Promise<void> {
    this.#save(own);
    await this.#saving;
  }

  /** It is not filled, and its peers held this: they may be away at the next start. */
  want(wanted: Holdings): void {
    const files = uniteHoldings([this.#kept.files, wanted]);
    if (this.#kept.filled || lackingOf(files, this.#kept.files).length > 0)
      this.#write({ filled: false, files, cluster: this.#of.cluster });
  }

  /** Resolves when what was said so far is kept, or cannot be now. */
  saved(): Promise<void> {
    return this.#saving;
  }

  /** Whether the flag says that it is filled, in the cluster that it is in. */
  get #isKept(): boolean {
    return this.#kept.filled && this.#kept.cluster === this.#of.cluster;
  }

  #save(own: Holdings): void {
    if (this.#isKept && lackingOf(own, this.#kept.files).length === 0) return;
    this.#nextMs = this.#clock.monotonicMs() + KEEP_MS;
    this.#write({ filled: true, files: new Map(own), cluster: this.#of.cluster });
  }

  #write(kept: Remembered): void {
    this.#kept = kept;
    this.#saving = this.#saving.then(() => this.#flag.save(kept));
  }
}
