import type { Clock } from '../../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { CHANNEL_STALL_MS, TRANSFER_HELLO_MS, TRANSFER_IDLE_MS } from '../../base/limits.ts';
import { type Channel, checked, type Network } from '../../network/network.ts';
import type { ByteBudget } from '../../operator/contents.ts';
import type { FileRecord } from '../../operator/file-record.ts';
import { BundleReader, framesOf, type Bundle, type ReceivedBundle } from './bundle.ts';
import {
  decodeTransfer,
  encodeTransfer,
  TRANSFER_PROTOCOL,
  type TransferFrame,
  type TransferJob,
  type TransferMessage,
} from './messages.ts';

/**
 * A channel of the transfer protocol: messages instead of frames, deadlines, large files put together within a budget.
 */
export class TransferChannel {
  readonly #channel: Channel;
  readonly #frames: AsyncIterator<Uint8Array>;
  readonly #clock: Clock;
  #idleMs: number | undefined;
  #reading = false;
  #cancel: () => void = () => {};
  #reason: HoldfastError | undefined;

  constructor(channel: Channel, clock: Clock) {
    this.#channel = channel;
    this.#frames = channel[Symbol.asyncIterator]();
    this.#clock = clock;
  }

  /** Key of the node at the other end. */
  get peer(): string {
    return this.#channel.peer;
  }

  /** From now on each read must bring a frame within so many milliseconds; undefined: the peer owes nothing. */
  expect(idleMs: number | undefined): void {
    this.#idleMs = idleMs;
    if (this.#reading) this.#arm();
  }

  /**
   * The next message; undefined when the peer has finished. `TRANSFER_MALFORMED`, `TRANSFER_TIMEOUT`, `NETWORK_…`, and
   * `TRANSFER_REFUSED` where the peer says so.
   */
  async read(): Promise<TransferFrame | undefined> {
    this.#reading = true;
    this.#arm();
    try {
      const next = await this.#frames.next();
      if (next.done === true) return undefined;
      const frame = checked(this.#channel, () => decodeTransfer(next.value));
      if (frame.message.type === 'refused')
        throw fault('TRANSFER_REFUSED', `the peer refuses: ${frame.message.text}`, {
          data: { code: frame.message.code },
        });
      return frame;
    } catch (caught) {
      throw this.#reason ?? caught;
    } finally {
      this.#reading = false;
      this.#cancel();
    }
  }

  async send(message: TransferMessage): Promise<void> {
    await this.#sendFrame(encodeTransfer(message));
  }

  /**
   * Sends a bundle chunk by chunk, each when the network takes more. A peer that takes none for too long loses the
   * channel: large files take room that others wait for. (It would have given up on us before, if it read.)
   */
  async sendBundle(id: number, bundle: Bundle): Promise<void> {
    for (const frame of framesOf(id, bundle)) {
      const cancel = this.#clock.after(CHANNEL_STALL_MS, () =>
        this.abort(fault('TRANSFER_TIMEOUT', `the peer took nothing for ${CHANNEL_STALL_MS} ms`)),
      );
      try {
        await this.#sendFrame(frame);
      } finally {
        cancel();
      }
    }
  }

  /**
   * Reads the rest of a bundle whose first frame has come. A large one takes room of the budget, which bounds the
   * memory of all of them together, until `leave` is called: when it is stored. Where there is none it waits, and its
   * sender with it, since nothing more is read. `onArriving` is told of a large file, and how many bytes it has, when
   * its first frame is here.
   */
  async readBundle(
    first: TransferFrame,
    room: ByteBudget,
    onArriving: (record: FileRecord, bytes: number) => void = () => {},
  ): Promise<{ readonly bundle: ReceivedBundle; readonly leave: () => void }> {
    const { message } = first;
    if (message.type !== 'files') throw fault('TRANSFER_MALFORMED', `${message.type} where a bundle should begin`);
    const reader = new BundleReader(message.id, message.total);
    const whole = checked(this.#channel, () => reader.push(first));
    if (whole !== undefined) return { bundle: whole, leave: () => {} };
    if (reader.arriving !== undefined) onArriving(reader.arriving, message.total);
    const leave = await room.take(message.total, true);
    const idleMs = this.#idleMs;
    this.expect(TRANSFER_IDLE_MS);
    try {
      for (;;) {
        const frame = await this.read();
        if (frame === undefined) throw fault('NETWORK_CHANNEL_CLOSED', 'the peer finished in the middle of a file');
        const bundle = checked(this.#channel, () => reader.push(frame));
        if (bundle !== undefined) return { bundle, leave };
      }
    } catch (caught) {
      leave();
      throw caught;
    } finally {
      this.expect(idleMs);
    }
  }

  async finish(): Promise<void> {
    await this.#channel.finish();
  }

  /** The peer sent what no honest node sends. */
  blame(caught: unknown): void {
    this.#channel.blame(caught);
  }

  abort(reason: unknown): void {
    this.#reason ??= asFault(reason);
    this.#channel.abort(reason);
  }

  async #sendFrame(frame: Uint8Array): Promise<void> {
    try {
      await this.#channel.send(frame);
    } catch (caught) {
      throw this.#reason ?? caught;
    }
  }

  #arm(): void {
    this.#cancel();
    const idleMs = this.#idleMs;
    if (idleMs === undefined) return;
    this.#cancel = this.#clock.after(idleMs, () =>
      this.abort(fault('TRANSFER_TIMEOUT', `the peer sent nothing for ${idleMs} ms`)),
    );
  }
}

/** Opens a channel to a peer for one job and says who is asking. */
export const openTransfer = async (
  network: Network,
  clock: Clock,
  peer: string,
  job: TransferJob,
  operator: string,
): Promise<TransferChannel> => {
  const channel = new TransferChannel(await network.open(peer, TRANSFER_PROTOCOL), clock);
  try {
    await channel.send({ type: 'hello', job, operator });
  } catch (caught) {
    channel.abort(caught);
    throw caught;
  }
  return channel;
};

/** A peer that has said who it is and what it wants. */
export interface TransferCaller {
  readonly channel: TransferChannel;
  readonly job: TransferJob;
  /** As it says: to be compared with the operator whose key it has. */
  readonly operator: string;
}

/**
 * The one registration of the protocol with the network. An operator attaches what serves it and takes it away when it
 * stops; between, callers are refused with `REPLICATION_NOT_RUNNING`.
 */
export class TransferEndpoint {
  readonly #clock: Clock;
  #serve: ((caller: TransferCaller) => Promise<void>) | undefined;

  constructor(network: Network, clock: Clock) {
    this.#clock = clock;
    network.handle(TRANSFER_PROTOCOL, (channel) => this.#answer(new TransferChannel(channel, this.#clock)));
  }

  /** Returns how to take it away again. */
  attach(serve: (caller: TransferCaller) => Promise<void>): () => void {
    this.#serve = serve;
    return () => {
      if (this.#serve === serve) this.#serve = undefined;
    };
  }

  async #answer(channel: TransferChannel): Promise<void> {
    try {
      channel.expect(TRANSFER_HELLO_MS);
      const frame = await channel.read();
      channel.expect(undefined);
      if (frame === undefined) throw fault('NETWORK_CHANNEL_CLOSED', 'the caller asked nothing');
      if (frame.message.type !== 'hello') throw fault('TRANSFER_MALFORMED', 'the first message must be hello');
      if (this.#serve === undefined) throw fault('REPLICATION_NOT_RUNNING', 'no operator runs on this node');
      const { job, operator } = frame.message;
      await this.#serve({ channel, job, operator });
    } catch (caught) {
      // Returning closes the channel so that the peer reads this first; throwing would drop it on the way.
      const { code, message } = asFault(caught);
      if (code === 'TRANSFER_MALFORMED') channel.blame(caught);
      await channel.send({ type: 'refused', code, text: message.slice(0, 2_000) }).catch(() => {});
    }
  }
}
