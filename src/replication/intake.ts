import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { GAPS_MAX, GAPS_SHARE, STRANGE_ORIGINS_MAX } from '../base/limits.ts';
import type { FileRanges, FileRecord } from '../operator/file-record.ts';
import type { FileStore } from '../operator/file-store.ts';
import { addToRanges, inRanges } from '../operator/ranges.ts';
import type { ReceivedFile } from './transfer/bundle.ts';
import type { PushOutcome } from './transfer/messages.ts';

/** What became of one received file. */
export interface IntakeOutcome {
  readonly record: FileRecord;
  readonly outcome: PushOutcome;
  /** Why it was refused. */
  readonly fault: HoldfastError | undefined;
}

/** Faults of one file: another file is not concerned. Everything else (a full disk) is a fault of this node. */
const isFaultOfFile = ({ code }: HoldfastError): boolean => /^(FILE|INGEST|TRANSFER|TABLE)_/.test(code);

/** Takes received files into the store: refuses what may not come in, stores the rest in one batch. */
export class Intake {
  readonly #store: FileStore;
  /** Own files that are being taken back: they were distributed once. */
  readonly #returning = new Set<number>();

  readonly #isMember: (origin: string) => boolean;

  /** `isMember`: whether an origin is an operator of the cluster by the policies. */
  constructor(store: FileStore, isMember: (origin: string) => boolean) {
    this.#store = store;
    this.#isMember = isMember;
  }

  /** Whether an own file comes back from a peer just now. */
  isReturning(file: number): boolean {
    return this.#returning.has(file);
  }

  /** Whether a file is held by now. */
  holds({ origin, file }: Pick<FileRecord, 'origin' | 'file'>): boolean {
    return inRanges(this.#store.holdings().get(origin) ?? [], file);
  }

  /**
   * Stores a bundle; resolves when it is durable. `accepts` says of which origins files may come, `takesOrphans` as in
   * `FileStore.store`. Throws what is a fault of this node and not of a file: nothing of the batch is stored then.
   */
  async take(
    files: readonly ReceivedFile[],
    accepts: (origin: string) => boolean,
    takesOrphans = false,
  ): Promise<readonly IntakeOutcome[]> {
    const room = new HoldingsRoom(this.#store, this.#isMember);
    const refusals = files.map((file) => file.fault ?? refusalOf(file.record, accepts) ?? room.take(file.record));
    const good = files.filter((_, index) => refusals[index] === undefined);
    const stored = new Map<ReceivedFile, IntakeOutcome>();
    for (const [index, outcome] of (await this.#storeAll(good, takesOrphans)).entries())
      stored.set(good[index] as ReceivedFile, outcome);
    return files.map(
      (file, index) => stored.get(file) ?? { record: file.record, outcome: 'refused', fault: refusals[index] },
    );
  }

  /** One batch; where a file spoils it, each alone, so that it holds up no other. */
  async #storeAll(files: readonly ReceivedFile[], takesOrphans: boolean): Promise<readonly IntakeOutcome[]> {
    if (files.length === 0) return [];
    const mine = files.filter(({ record }) => record.origin === this.#store.origin);
    for (const { record } of mine) this.#returning.add(record.file);
    try {
      const copies = files.flatMap(({ copy }) => (copy === undefined ? [] : [copy]));
      const outcomes = await this.#store.store(copies, takesOrphans);
      return files.map(({ record }, index) => ({ record, outcome: outcomes[index] ?? 'refused', fault: undefined }));
    } catch (caught) {
      const error = asFault(caught);
      if (!isFaultOfFile(error)) throw error;
      if (files.length === 1) return files.map(({ record }) => ({ record, outcome: 'refused' as const, fault: error }));
    } finally {
      for (const { record } of mine) this.#returning.delete(record.file);
    }
    const outcomes: IntakeOutcome[] = [];
    for (const file of files) outcomes.push(...(await this.#storeAll([file], takesOrphans)));
    return outcomes;
  }
}

const refusalOf = ({ origin, file }: FileRecord, accepts: (origin: string) => boolean): HoldfastError | undefined =>
  accepts(origin)
    ? undefined
    : fault('REPLICATION_FOREIGN_ORIGIN', `file ${file} of ${origin}: its origin is no operator of the cluster`, {
        data: { origin, file },
        hint: 'if it has just joined, its policy is still on the way; compare blockchain get operator on both nodes',
      });

/**
 * Keeps what is held short enough to be told: records are not signed, so one operator could bring files of a thousand
 * made-up origins, or each second number of one, and no peer would listen any more to whoever has taken them.
 */
class HoldingsRoom {
  readonly #held: Map<string, FileRanges>;
  readonly #isMember: (origin: string) => boolean;
  #gaps = 0;
  #strange = 0;

  constructor(store: FileStore, isMember: (origin: string) => boolean) {
    this.#isMember = (origin) => origin === store.origin || isMember(origin);
    this.#held = new Map(store.holdings());
    for (const [origin, ranges] of this.#held) {
      this.#gaps += ranges.length;
      if (!this.#isMember(origin)) this.#strange += 1;
    }
  }

  /** Counts a file in, or says why there is no room for it. */
  take({ origin, file }: FileRecord): HoldfastError | undefined {
    const held = this.#held.get(origin);
    const isMember = this.#isMember(origin);
    if (held === undefined && !isMember && this.#strange >= STRANGE_ORIGINS_MAX)
      return fault(
        'REPLICATION_ORIGINS_FULL',
        `file ${file} of ${origin}, which is no operator of the cluster, nor are ${this.#strange} others that files are held of`,
        {
          data: { origin, file },
          hint: 'whoever gives it is broken or hostile, unless so many operators were removed',
        },
      );
    const ranges = addToRanges(held ?? [], file);
    const more = ranges.length - (held?.length ?? 0);
    if (more > 0 && this.#gaps >= GAPS_MAX && ranges.length > (isMember ? GAPS_SHARE : 1))
      return fault(
        'REPLICATION_NUMBERS_SCATTERED',
        `file ${file} of ${origin}, whose numbers lie apart from each other already in ${held?.length ?? 0} places`,
        { data: { origin, file }, hint: 'it is taken when those before it are here' },
      );
    if (held === undefined && !isMember) this.#strange += 1;
    this.#gaps += more;
    this.#held.set(origin, ranges);
    return undefined;
  }
}
