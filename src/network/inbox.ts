import { CHANNEL_FRAME_OVERHEAD_BYTES } from '../base/limits.ts';

/** Frames that were read keep at most so many slots: a reader slower than the network never empties the queue. */
const READ_SLOTS_MAX = 64;
const READ = new Uint8Array();

/**
 * Frames that have arrived and are not read yet, for one reader. Knows no limit itself; whoever fills it watches
 * `bytes`.
 */
export class Inbox implements AsyncIterable<Uint8Array> {
  #frames: Uint8Array[] = [];
  #first = 0;
  #bytes = 0;
  #end: { readonly error: Error | undefined } | undefined;
  #wake: (() => void) | undefined;
  readonly #onTaken: () => void;

  /** `onTaken` is called after each frame that was read. */
  constructor(onTaken: () => void) {
    this.#onTaken = onTaken;
  }

  /** Memory that waits to be read: empty frames cost too. */
  get bytes(): number {
    return this.#bytes + this.frames * CHANNEL_FRAME_OVERHEAD_BYTES;
  }

  /** Frames that wait to be read. */
  get frames(): number {
    return this.#frames.length - this.#first;
  }

  get ended(): boolean {
    return this.#end !== undefined;
  }

  push(frame: Uint8Array): void {
    if (this.#end !== undefined) return;
    this.#frames.push(frame);
    this.#bytes += frame.byteLength;
    this.#wake?.();
  }

  /**
   * No more frames will come; with an error the reader gets it after the frames that are there. The first end holds.
   */
  end(error?: Error): void {
    this.#end ??= { error };
    this.#wake?.();
  }

  /** As `end`, but what was not read yet is dropped. */
  drop(error: Error): void {
    this.#frames = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#end = { error };
    this.#wake?.();
  }

  /** The next frame, or undefined at the end. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const frame = this.#take();
      if (frame !== undefined) return frame;
      if (this.#end?.error !== undefined) throw this.#end.error;
      if (this.#end !== undefined) return undefined;
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#wake = undefined;
    }
  }

  /** No generator: each frame would take more turns. */
  [Symbol.asyncIterator](): AsyncIterator<Uint8Array, undefined, undefined> {
    return {
      next: async () => {
        const value = await this.next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
    };
  }

  #take(): Uint8Array | undefined {
    const frame = this.#frames[this.#first];
    if (frame === undefined) return undefined;
    this.#frames[this.#first] = READ;
    this.#first += 1;
    this.#bytes -= frame.byteLength;
    if (this.#first === this.#frames.length || this.#first === READ_SLOTS_MAX) {
      this.#frames.splice(0, this.#first);
      this.#first = 0;
    }
    this.#onTaken();
    return frame;
  }
}
