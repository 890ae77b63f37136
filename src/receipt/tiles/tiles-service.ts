import type { Clock } from '../../base/clock.ts';
import { textOf } from '../../base/errors.ts';
import { TILES_INTERVAL_MS, TILES_RETRY_MS_MAX } from '../../base/limits.ts';
import type { Resource } from '../../base/lifecycle.ts';
import { Archiver, type ArchiverPorts, type ArchiverState } from './archiver.ts';

/** The same, and when there is something to do. */
export interface TilesPorts extends ArchiverPorts {
  readonly clock: Clock;
  /** Whether this node keeps such files, as things stand now. */
  readonly isAsked: () => boolean;
}

/** How the static files stand. */
export interface TilesStatus extends ArchiverState {
  readonly dir: string;
  /** Why nothing can be written just now; it is tried again. */
  readonly failure: string | undefined;
}

/** Keeps the static files up to date beside everything else. A disk that fails stops nothing but them. */
export class TilesService implements Resource {
  readonly #ports: TilesPorts;
  readonly #archiver: Archiver;
  #failure: string | undefined;
  #cancel: () => void;
  #running: Promise<void> | undefined;
  #closed = false;
  readonly #works = Promise.withResolvers<undefined>();
  /** Resolves once a step has ended without a failure: the directory is of use. */
  readonly works: Promise<unknown> = this.#works.promise;

  constructor(ports: TilesPorts) {
    this.#ports = ports;
    this.#archiver = new Archiver(ports);
    this.#cancel = this.#after(0);
  }

  /** Undefined where this node keeps none. */
  status(): TilesStatus | undefined {
    const { dir, isAsked } = this.#ports;
    return isAsked() ? { dir, ...this.#archiver.state(), failure: this.#failure } : undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel();
    await this.#running;
  }

  #after(ms: number): () => void {
    return this.#ports.clock.after(ms, () => {
      this.#running = this.#step(ms).finally(() => (this.#running = undefined));
    });
  }

  async #step(lastMs: number): Promise<void> {
    let pauseMs = TILES_INTERVAL_MS;
    try {
      if (this.#ports.isAsked() && (await this.#archiver.step())) pauseMs = 0;
      this.#failure = undefined;
      this.#works.resolve(undefined);
    } catch (caught) {
      const text = textOf(caught);
      if (this.#failure !== text)
        this.#ports.log.error('the static files of the archive are not written just now', { text });
      this.#failure = text;
      pauseMs = Math.min(2 * Math.max(lastMs, TILES_INTERVAL_MS), TILES_RETRY_MS_MAX);
    }
    if (!this.#closed) this.#cancel = this.#after(pauseMs);
  }
}
