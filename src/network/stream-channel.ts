import type { Stream } from '@libp2p/interface';
import type { Clock } from '../base/clock.ts';
import { asFault, fault, hasCode, type HoldfastError, textOf } from '../base/errors.ts';
import { CHANNEL_FRAMES_WAITING_MAX, CHANNEL_READ_AHEAD_BYTES, CHANNEL_STALL_MS } from '../base/limits.ts';
import { OneByOne } from '../base/one-by-one.ts';
import { encodeFrame, FrameDecoder } from '../codec/frames.ts';
import { Inbox } from './inbox.ts';
import type { Channel, PeerKey } from './network.ts';

/** A {@link Channel} over one libp2p stream. */
export class StreamChannel implements Channel {
  readonly peer: PeerKey;
  readonly #stream: Stream;
  readonly #clock: Clock;
  readonly #blame: (caught: unknown) => void;
  readonly #decoder = new FrameDecoder();
  readonly #inbox = new Inbox(() => this.#onTaken());
  #failure: HoldfastError | undefined;
  #finished = false;
  /** The peer said that it sends no more; without that an end is a break. */
  #peerFinished: boolean;
  #discarding = false;
  #asked = false;
  #paused = false;
  /** Sends take turns: a frame is never torn apart by another. */
  readonly #sends = new OneByOne();

  /** `blame`: the peer sent what no honest node sends. */
  constructor(stream: Stream, peer: PeerKey, clock: Clock, blame: (caught: unknown) => void) {
    this.peer = peer;
    this.#blame = blame;
    this.#stream = stream;
    this.#clock = clock;
    this.#peerFinished = stream.remoteWriteStatus === 'closed' && stream.status === 'open';
    stream.addEventListener('close', (event) => this.#onClose(event.error));
    stream.addEventListener('end', () => this.#onEnd());
    stream.addEventListener('remoteCloseWrite', () => (this.#peerFinished = true));
    stream.addEventListener('message', (event) => {
      const { data } = event;
      if (data instanceof Uint8Array) this.#onBytes(data);
      else for (const piece of data) this.#onBytes(piece);
    });
    if (stream.readableEnded) this.#onEnd();
    if (stream.status !== 'open') this.#onClose(undefined);
  }

  send(frame: Uint8Array): Promise<void> {
    return this.#sends.take(() => this.#sendNow(frame));
  }

  async finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#sends.idle();
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await this.#stream.close({ signal: AbortSignal.timeout(CHANNEL_STALL_MS) });
    } catch (caught) {
      this.abort(caught);
      throw fault('NETWORK_CHANNEL_CLOSED', `the channel broke while it was closed: ${textOf(caught)}`, {
        cause: caught,
      });
    }
  }

  abort(reason?: unknown): void {
    if (this.#failure === undefined) {
      this.#failure = fault('NETWORK_CHANNEL_ABORTED', `the channel was dropped: ${textOf(reason ?? 'no reason')}`, {
        cause: reason,
      });
      this.#inbox.drop(this.#failure);
    }
    this.#stream.abort(asFault(this.#failure));
  }

  blame(caught: unknown): void {
    this.#blame(caught);
  }

  /** A whole frame has come. */
  get asked(): boolean {
    return this.#asked;
  }

  /** No frame will come any more. */
  get ended(): boolean {
    return this.#inbox.ended;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#inbox[Symbol.asyncIterator]();
  }

  /**
   * After its handler is done: says goodbye, drops what still comes in, and drops the channel if the peer has not
   * closed its side within `graceMs`. (An abort at once would overtake the frames that the peer has not read yet.)
   */
  async wind(graceMs: number): Promise<void> {
    this.#discarding = true;
    this.#resume();
    await this.finish();
    this.#clock.after(graceMs, () => {
      if (this.#stream.status === 'open' || this.#stream.status === 'closing') this.abort('the handler is done');
    });
  }

  async #sendNow(frame: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#finished) throw fault('NETWORK_CHANNEL_CLOSED', 'the channel was finished; nothing more can be sent');
    const framed = framedOrFault(frame);
    try {
      if (this.#stream.send(framed)) return;
    } catch (caught) {
      throw closedFault(caught);
    }
    await this.#drained();
  }

  /** Waits for the 'drain' events (`stream.onDrain()` returns at once after the first drain of a stream). */
  #drained(): Promise<void> {
    const stream = this.#stream;
    return new Promise((resolve, reject) => {
      const settle = (error?: HoldfastError): void => {
        cancel();
        for (const name of ['drain', 'idle', 'close'] as const) stream.removeEventListener(name, look);
        if (error === undefined) resolve();
        else reject(error);
      };
      const watch = (): (() => void) =>
        this.#clock.after(CHANNEL_STALL_MS, () => {
          this.abort('the peer takes nothing in');
          settle(fault('NETWORK_TIMEOUT', `the peer took nothing in for ${CHANNEL_STALL_MS} ms`));
        });
      let cancel = watch();
      const look = (): void => {
        if (this.#failure !== undefined || stream.writeStatus === 'closed') settle(this.#failure ?? closedFault());
        else if (!stream.writableNeedsDrain && stream.writeBufferLength === 0) settle();
        else {
          cancel();
          cancel = watch();
        }
      };
      for (const name of ['drain', 'idle', 'close'] as const) stream.addEventListener(name, look);
      look();
    });
  }

  #onBytes(bytes: Uint8Array): void {
    if (this.#discarding || this.#failure !== undefined) return;
    try {
      for (const frame of this.#decoder.push(bytes)) {
        this.#asked = true;
        this.#inbox.push(frame);
      }
      if (this.#inbox.frames > CHANNEL_FRAMES_WAITING_MAX)
        throw fault('NETWORK_FLOOD', `more than ${CHANNEL_FRAMES_WAITING_MAX} frames wait on one channel`);
    } catch (caught) {
      const error = frameFault(caught);
      this.#fail(error);
      this.#blame(error);
      return;
    }
    if (this.#inbox.bytes > CHANNEL_READ_AHEAD_BYTES && !this.#paused) {
      this.#paused = true;
      // Not at once: a pause from within resume() would be undone by the rest of it, and the buffer overrun.
      queueMicrotask(() => {
        if (this.#paused) this.#ifReadable(() => this.#stream.pause());
      });
    }
  }

  #onTaken(): void {
    if (this.#paused && this.#inbox.bytes <= CHANNEL_READ_AHEAD_BYTES / 2) this.#resume();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#ifReadable(() => this.#stream.resume());
  }

  #ifReadable(task: () => void): void {
    const { readStatus } = this.#stream;
    if (readStatus === 'readable' || readStatus === 'paused') task();
  }

  #onEnd(): void {
    if (!this.#peerFinished) return;
    if (this.#decoder.unfinished && !this.#discarding)
      this.#fail(fault('NETWORK_FRAME_TRUNCATED', 'the peer closed the channel in the middle of a frame'));
    else this.#inbox.end();
  }

  #onClose(error: Error | undefined): void {
    // Closed by both sides: what libp2p still holds for a paused reader is read first, then comes 'end'.
    if (error === undefined && this.#peerFinished) return;
    this.#failure ??= closedFault(error);
    this.#inbox.end(this.#failure);
  }

  #fail(error: HoldfastError): void {
    this.#failure = error;
    this.#inbox.end(error);
    this.#stream.abort(error);
  }
}

const framedOrFault = (frame: Uint8Array): Uint8Array => {
  try {
    return encodeFrame(frame);
  } catch (caught) {
    throw frameFault(caught);
  }
};

const frameFault = (caught: unknown): HoldfastError =>
  hasCode(caught, 'CODEC_FRAME_OVERSIZE')
    ? fault('NETWORK_FRAME_OVERSIZE', textOf(caught), { cause: caught })
    : asFault(caught);

const closedFault = (cause?: unknown): HoldfastError =>
  fault(
    'NETWORK_CHANNEL_CLOSED',
    cause === undefined ? 'the channel is closed' : `the channel broke: ${textOf(cause)}`,
    {
      cause,
    },
  );
