import { fault } from '../../base/errors.ts';
import type { Resource } from '../../base/lifecycle.ts';
import type { BackupStatus } from '../../command/context.ts';
import { BackupJob, type BackupSource } from './backup-job.ts';

/** The backups of a running node, one at a time. Closing breaks off the one that runs. */
export class Backups implements Resource {
  readonly #source: () => BackupSource;
  readonly #isPruning: () => boolean;
  #job: BackupJob | undefined;
  #running: Promise<void> | undefined;
  /** Ended while their directory was made ready. Where the disk answers after all, they write into it once more. */
  #left: readonly BackupJob[] = [];

  /** `isPruning`: whether files of the ledger are being written anew. */
  constructor(source: () => BackupSource, isPruning: () => boolean = () => false) {
    this.#source = source;
    this.#isPruning = isPruning;
  }

  get status(): BackupStatus | undefined {
    return this.#job?.status;
  }

  /** Also while its directory is made ready. */
  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Resolves when the copying has begun. `BACKUP_RUNNING`, `POLICY_PRUNING_BUSY`, and what {@link BackupJob.prepare}
   * throws.
   */
  async start(dir: string): Promise<void> {
    if (this.#running !== undefined)
      throw fault('BACKUP_RUNNING', `a backup into ${this.status?.dir ?? 'another directory'} is being made`, {
        hint: 'how far it is: get backup; to break it off: exit backup',
      });
    if (this.#isPruning())
      throw fault('POLICY_PRUNING_BUSY', 'bodies are being dropped or fetched back: the ledger is copied after that', {
        hint: 'try again in a moment',
      });
    const job = new BackupJob(this.#source(), dir);
    this.#left = this.#left.filter(({ isReadying }) => isReadying);
    if (this.#left.some(({ status }) => status.dir === job.status.dir))
      throw fault('BACKUP_RUNNING', `the disk of ${dir} has not answered yet what an ended backup asked of it`, {
        hint: 'see that disk, or name another directory',
      });
    this.#job = job;
    const begun = job.prepare();
    this.#running = begun
      .then(
        () => job.run(),
        () => void (this.#left = [...this.#left, job]),
      )
      .finally(() => {
        this.#running = undefined;
      });
    await begun;
  }

  async stop(): Promise<void> {
    this.#job?.stop();
    await this.#running;
  }

  close(): Promise<void> {
    return this.stop();
  }
}
