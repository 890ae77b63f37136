import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { openSnapshot, type Snapshot } from './snapshot.ts';
import type { CopyProgress, DatabasesCopy } from './sqlite.ts';

interface CopiedFile {
  readonly name: string;
  readonly from: string;
  readonly to: string;
}

/** Copies database files one after the other, each as it was when the copy was begun. */
export class OnlineCopy implements DatabasesCopy {
  readonly #snapshots: Snapshot[] = [];
  readonly #stopping: () => boolean;
  #databases = 0;
  #bytes = 0;
  #bytesTotal = 0;
  #stopped = false;
  #ended = false;
  #failure: HoldfastError | undefined;

  constructor(files: readonly CopiedFile[], options: { readonly stopping?: () => boolean }) {
    this.#stopping = options.stopping ?? (() => false);
    try {
      // All are opened before the first is copied, so that they are of one moment but for the time that opening takes.
      for (const { name, from } of files) this.#snapshots.push(openSnapshot(name, from));
    } catch (caught) {
      this.#close();
      throw caught;
    }
    this.#bytesTotal = this.#snapshots.reduce((sum, { bytes }) => sum + bytes, 0);
    void this.#run(files);
  }

  get ended(): boolean {
    return this.#ended;
  }

  progress(): CopyProgress {
    if (this.#failure !== undefined) throw this.#failure;
    return { databases: this.#databases, bytes: this.#bytes, bytesTotal: this.#bytesTotal };
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(files: readonly CopiedFile[]): Promise<void> {
    try {
      for (const [at, snapshot] of this.#snapshots.entries()) {
        const before = this.#bytes;
        await snapshot.copyTo(files[at]?.to ?? '', (left) => {
          if (this.#stopped || this.#stopping()) throw fault('SQLITE_CLOSED', 'the copy of the databases was stopped');
          this.#bytes = before + snapshot.bytes - left;
        });
        this.#bytes = before + snapshot.bytes;
        this.#databases += 1;
      }
    } catch (caught) {
      this.#failure = asFault(caught);
    } finally {
      this.#close();
      this.#ended = true;
    }
  }

  #close(): void {
    for (const snapshot of this.#snapshots) snapshot.close();
  }
}
