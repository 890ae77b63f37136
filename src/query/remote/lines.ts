import type { Clock } from '../../base/clock.ts';
import { fault, hasCode } from '../../base/errors.ts';
import { QUERY_LINE_IDLE_MS, QUERY_LINES_IDLE_MAX } from '../../base/limits.ts';
import type { Channel, Network, PeerKey } from '../../network/network.ts';
import { QUERY_PROTOCOL, QUERY_PROTOCOL_BEFORE } from './messages.ts';

/**
 * A channel to an operator that carries one query after the other. Its next frame is awaited at all times, so that its
 * end shows.
 */
export class Line {
  readonly channel: Channel;
  /** The operator speaks the version before. */
  readonly isEarlier: boolean;
  /** Something has come since the last question. */
  heard = false;
  readonly #frames: AsyncIterator<Uint8Array>;
  #coming: Promise<Uint8Array | undefined>;

  constructor(channel: Channel, isEarlier = false) {
    this.channel = channel;
    this.isEarlier = isEarlier;
    this.#frames = channel[Symbol.asyncIterator]();
    this.#coming = this.#read();
  }

  ask(question: Uint8Array): Promise<void> {
    this.heard = false;
    return this.channel.send(question);
  }

  /** The next frame; undefined when the operator has ended the channel. */
  async next(): Promise<Uint8Array | undefined> {
    const frame = await this.#coming;
    if (frame === undefined) return undefined;
    this.heard = true;
    this.#coming = this.#read();
    return frame;
  }

  /** Calls `task` when anything comes, or the channel ends: with the frame, if it is one. */
  onNews(task: (frame: Uint8Array | undefined) => void): void {
    this.#coming.then(task, () => task(undefined));
  }

  #read(): Promise<Uint8Array | undefined> {
    const coming = this.#frames.next().then(({ done, value }) => (done === true ? undefined : value));
    coming.catch(() => {}); // Whoever waits for it is told.
    return coming;
  }
}

/**
 * The channels to operators on which nothing is asked at the moment. Opening one takes two ways to the peer and back
 * and most of the CPU of a short query, so they are kept for a while.
 */
export class Lines {
  readonly #network: Pick<Network, 'open'>;
  readonly #clock: Clock;
  readonly #resting = new Map<PeerKey, { readonly line: Line; readonly stopWaiting: () => void }[]>();

  constructor(network: Pick<Network, 'open'>, clock: Clock) {
    this.#network = network;
    this.#clock = clock;
  }

  /** One that has rested; undefined where there is none. It may have ended just now. */
  take(peer: PeerKey): Line | undefined {
    const last = this.#resting.get(peer)?.at(-1);
    if (last === undefined) return undefined;
    this.#forget(last.line);
    return last.line;
  }

  /** A new one. `NETWORK_…`. */
  async open(peer: PeerKey, signal: AbortSignal): Promise<Line> {
    try {
      return new Line(await this.#network.open(peer, QUERY_PROTOCOL, { signal }));
    } catch (caught) {
      if (!hasCode(caught, 'NETWORK_PROTOCOL_UNSUPPORTED')) throw caught;
      return new Line(await this.#network.open(peer, QUERY_PROTOCOL_BEFORE, { signal }), true);
    }
  }

  /** Its answer is complete: the next question may come. */
  rest(line: Line): void {
    const { peer } = line.channel;
    const resting = this.#resting.get(peer) ?? [];
    if (resting.length >= QUERY_LINES_IDLE_MAX) {
      hangUp(line);
      return;
    }
    const stopWaiting = this.#clock.after(QUERY_LINE_IDLE_MS, () => {
      if (this.#forget(line)) hangUp(line);
    });
    resting.push({ line, stopWaiting });
    this.#resting.set(peer, resting);
    line.onNews((frame) => {
      if (!this.#forget(line)) return;
      if (frame !== undefined)
        line.channel.blame(fault('QUERY_MESSAGE_MALFORMED', 'an operator sent what nobody asked'));
      line.channel.abort('it ended while nothing was asked');
    });
  }

  /** Whether it rested. */
  #forget(line: Line): boolean {
    const { peer } = line.channel;
    const resting = this.#resting.get(peer) ?? [];
    const at = resting.findIndex((each) => each.line === line);
    if (at < 0) return false;
    resting[at]?.stopWaiting();
    resting.splice(at, 1);
    if (resting.length === 0) this.#resting.delete(peer);
    return true;
  }
}

const hangUp = ({ channel }: Line): void => void channel.finish().catch(() => {});
