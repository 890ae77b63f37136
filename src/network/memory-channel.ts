import { fault, type HoldfastError, textOf } from '../base/errors.ts';
import { CHANNEL_READ_AHEAD_BYTES, FRAME_BYTES_MAX } from '../base/limits.ts';
import { OneByOne } from '../base/one-by-one.ts';
import { Inbox } from './inbox.ts';
import type { Channel, PeerKey } from './network.ts';

/** Takes something from one node to another; `onLost` instead of `deliver` when the way loses it. */
export type Carry = (from: PeerKey, to: PeerKey, deliver: () => void, onLost: () => void) => void;
/** One of the two finds the other to blame. */
type Blame = (by: PeerKey, peer: PeerKey, caught: unknown) => void;

/** Both ends of a channel between two nodes of a hub. */
export const createChannelPair = (
  [one, two]: readonly [PeerKey, PeerKey],
  carry: Carry,
  blame: Blame = () => {},
): [Channel, Channel] => {
  const ofOne = new MemoryChannel(one, two, carry, blame);
  const ofTwo = new MemoryChannel(two, one, carry, blame);
  ofOne.join(ofTwo);
  ofTwo.join(ofOne);
  return [ofOne, ofTwo];
};

class MemoryChannel implements Channel {
  readonly peer: PeerKey;
  readonly #self: PeerKey;
  readonly #carry: Carry;
  readonly #blame: Blame;
  readonly #inbox = new Inbox(() => this.#other?.release());
  #other: MemoryChannel | undefined;
  #bytesOnTheWay = 0;
  #failure: HoldfastError | undefined;
  /** Something that was sent here is lost: nothing that was sent after it arrives. */
  #isBroken = false;
  #finished = false;
  readonly #sends = new OneByOne();
  #wake: (() => void) | undefined;

  constructor(self: PeerKey, peer: PeerKey, carry: Carry, blame: Blame) {
    this.#self = self;
    this.peer = peer;
    this.#carry = carry;
    this.#blame = blame;
  }

  join(other: MemoryChannel): void {
    this.#other = other;
  }

  send(frame: Uint8Array): Promise<void> {
    return this.#sends.take(() => this.#sendNow(frame));
  }

  async finish(): Promise<void> {
    if (this.#finished) return;
    this.#finished = true;
    await this.#sends.idle();
    this.#throwIfFailed();
    this.#toOther((other) => other.#inbox.end());
  }

  abort(reason?: unknown): void {
    const failure = fault('NETWORK_CHANNEL_ABORTED', `the channel was dropped: ${textOf(reason ?? 'no reason')}`, {
      cause: reason,
    });
    if (this.#fail(failure)) this.#inbox.drop(failure);
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return this.#inbox[Symbol.asyncIterator]();
  }

  blame(caught: unknown): void {
    this.#blame(this.#self, this.peer, caught);
  }

  /** The peer's reader took a frame in. */
  release(): void {
    this.#wake?.();
  }

  /** The peer dropped the channel. */
  peerFailed(): void {
    this.#fail(fault('NETWORK_CHANNEL_CLOSED', 'the peer dropped the channel'));
  }

  /** What was sent and the peer's reader has not taken. */
  get #outstandingBytes(): number {
    const other = this.#other;
    return this.#bytesOnTheWay + (other === undefined ? 0 : other.#inbox.bytes);
  }

  async #sendNow(frame: Uint8Array): Promise<void> {
    this.#throwIfFailed();
    if (this.#finished) throw fault('NETWORK_CHANNEL_CLOSED', 'the channel was finished; nothing more can be sent');
    if (frame.byteLength > FRAME_BYTES_MAX)
      throw fault('NETWORK_FRAME_OVERSIZE', `frame of ${frame.byteLength} bytes; at most ${FRAME_BYTES_MAX}`);
    const copy = new Uint8Array(frame);
    this.#bytesOnTheWay += copy.byteLength;
    this.#toOther((other) => {
      this.#bytesOnTheWay -= copy.byteLength;
      other.#inbox.push(copy);
    });
    while (this.#outstandingBytes > CHANNEL_READ_AHEAD_BYTES) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      this.#throwIfFailed();
    }
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #toOther(deliver: (other: MemoryChannel) => void): void {
    const arrive = (): void => {
      if (!this.#isBroken && this.#other !== undefined && this.#other.#failure === undefined) deliver(this.#other);
    };
    this.#carry(this.#self, this.peer, arrive, () => {
      this.#isBroken = true;
      this.#fail(fault('NETWORK_CHANNEL_CLOSED', 'the channel broke'));
    });
  }

  /** Ends this side, and the other when it hears of it; false when it had failed already. */
  #fail(failure: HoldfastError): boolean {
    if (this.#failure !== undefined) return false;
    this.#failure = failure;
    this.#inbox.end(failure);
    this.#wake?.();
    const other = this.#other;
    const tell = (): void => other?.peerFailed();
    // The end of a broken stream always shows, however bad the way.
    this.#carry(this.#self, this.peer, tell, tell);
    return true;
  }
}
