import type { Clock } from '../base/clock.ts';
import { PING_TIMEOUT_MS } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { PeerKey } from './network.ts';

interface Direction {
  /** Since when nothing arrives; undefined while the way is open. */
  cutMs: number | undefined;
  /** No message overtakes another: the earliest moment for the next to arrive. */
  freeMs: number;
  /** In the order of sending; whichever timer fires, the oldest arrives (real timers do not keep their order). */
  underWay: (() => void)[];
  /** What a cut holds back; delivered when it heals in time. */
  held: (() => void)[];
}

/** What carries messages between the nodes of a hub: delay, order, loss and cuts for each direction of each pair. */
export class MemoryWire {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #delayMs: { readonly min: number; readonly max: number };
  #loss: number;
  /** By who sends and who receives. */
  readonly #directions = new Map<PeerKey, Map<PeerKey, Direction>>();
  readonly #connections = new Set<{ readonly ends: readonly [PeerKey, PeerKey]; readonly onSilent: () => void }>();

  constructor(clock: Clock, random: Random, delayMs: { readonly min: number; readonly max: number }, loss: number) {
    this.#clock = clock;
    this.#random = random;
    this.#delayMs = delayMs;
    this.#loss = loss;
  }

  setLoss(loss: number): void {
    this.#loss = loss;
  }

  /** Registers a connection; it is told when a cut has lasted long enough to be noticed. */
  connect(a: PeerKey, b: PeerKey, onSilent: () => void): () => void {
    const connection = { ends: [a, b] as const, onSilent };
    this.#connections.add(connection);
    for (const direction of this.#pair(a, b)) if (direction.cutMs !== undefined) this.#watchCut(a, b);
    return () => this.#connections.delete(connection);
  }

  /** In order and reliable, as TCP is; a lost message is reported to the sender instead of being delivered. */
  carry(from: PeerKey, to: PeerKey, deliver: () => void, onLost: () => void): void {
    this.#schedule(this.#direction(from, to), this.#isLost() ? onLost : deliver);
  }

  /** Gossip: what is lost or meets a cut is gone. */
  cast(from: PeerKey, to: PeerKey, deliver: () => void): void {
    const lost = this.#isLost();
    const direction = this.#direction(from, to);
    if (lost || direction.cutMs !== undefined) return;
    this.#clock.after(this.#delay(), () => {
      if (direction.cutMs === undefined) deliver();
    });
  }

  cut(from: PeerKey, to: PeerKey): void {
    const direction = this.#direction(from, to);
    if (direction.cutMs !== undefined) return;
    direction.cutMs = this.#clock.monotonicMs();
    this.#watchCut(from, to);
  }

  heal(a: PeerKey | undefined, b: PeerKey | undefined): void {
    for (const direction of a === undefined || b === undefined ? this.#all() : this.#pair(a, b)) {
      direction.cutMs = undefined;
      // It was sent before what is still under way, and comes before it.
      const held = direction.held.splice(0);
      direction.underWay.unshift(...held);
      for (let count = held.length; count > 0; count -= 1) this.#arriveLater(direction);
    }
  }

  #watchCut(a: PeerKey, b: PeerKey): void {
    this.#clock.after(PING_TIMEOUT_MS, () => {
      const broken = this.#pair(a, b).filter((direction) => this.#isLong(direction));
      if (broken.length === 0) return;
      for (const direction of broken) direction.held.length = 0;
      for (const { ends, onSilent } of [...this.#connections]) if (ends.includes(a) && ends.includes(b)) onSilent();
    });
  }

  #isLong({ cutMs }: Direction): boolean {
    return cutMs !== undefined && this.#clock.monotonicMs() - cutMs >= PING_TIMEOUT_MS;
  }

  #schedule(direction: Direction, arrive: () => void): void {
    direction.underWay.push(arrive);
    this.#arriveLater(direction);
  }

  /** The oldest of what is under way by then. */
  #arriveLater(direction: Direction): void {
    const nowMs = this.#clock.monotonicMs();
    direction.freeMs = Math.max(direction.freeMs, nowMs + this.#delay());
    this.#clock.after(direction.freeMs - nowMs, () => {
      const oldest = direction.underWay.shift();
      if (oldest === undefined) return;
      if (direction.cutMs === undefined) oldest();
      else if (!this.#isLong(direction)) direction.held.push(oldest);
    });
  }

  #isLost(): boolean {
    return this.#loss > 0 && this.#random.fraction() < this.#loss;
  }

  #delay(): number {
    const { min, max } = this.#delayMs;
    return min + this.#random.fraction() * (max - min);
  }

  #all(): readonly Direction[] {
    return [...this.#directions.values()].flatMap((fromThere) => [...fromThere.values()]);
  }

  #pair(a: PeerKey, b: PeerKey): readonly [Direction, Direction] {
    return [this.#direction(a, b), this.#direction(b, a)];
  }

  #direction(from: PeerKey, to: PeerKey): Direction {
    let fromThere = this.#directions.get(from);
    if (fromThere === undefined) this.#directions.set(from, (fromThere = new Map<PeerKey, Direction>()));
    let direction = fromThere.get(to);
    if (direction === undefined) {
      direction = { cutMs: undefined, freeMs: 0, underWay: [], held: [] };
      fromThere.set(to, direction);
    }
    return direction;
  }
}
