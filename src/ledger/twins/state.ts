import { TWINS_KEYS_MAX, TWINS_MAX, TWINS_REMEMBERED_MS } from '../../base/limits.ts';
import type { Presence } from './messages.ts';

interface Heard {
  readonly presence: Presence;
  readonly atMs: number;
}

/** What a node was last told by the instances of each key. Pure: the time, monotonic, is the caller's. */
export class HeardPresences {
  readonly #byKey = new Map<string, Map<string, Heard>>();

  /** Takes up what an instance says, and returns what others with its key said not long ago. */
  hear(author: string, presence: Presence, nowMs: number): readonly Presence[] {
    const instances = this.#byKey.get(author) ?? new Map<string, Heard>();
    this.#byKey.delete(author);
    this.#byKey.set(author, instances);
    for (const [id, { atMs }] of instances) if (nowMs - atMs > TWINS_REMEMBERED_MS) instances.delete(id);
    const others = [...instances.values()].filter((heard) => heard.presence.instance !== presence.instance);
    instances.delete(presence.instance);
    instances.set(presence.instance, { presence, atMs: nowMs });
    dropOldest(instances, TWINS_MAX);
    dropOldest(this.#byKey, TWINS_KEYS_MAX);
    return others.map((heard) => heard.presence).slice(-TWINS_MAX);
  }
}

const dropOldest = <K>(map: Map<K, unknown>, keep: number): void => {
  for (const key of map.keys()) {
    if (map.size <= keep) return;
    map.delete(key);
  }
};

/** How a peer has answered. */
interface Asked {
  readonly firstMs: number;
  readonly answers: number;
}

/** What one instance knows of others with its key. Pure. */
export class TwinState {
  readonly #self: string;
  readonly #told = new Map<string, number>();
  readonly #asked = new Map<string, Asked>();
  #twin: Heard | undefined;

  /** `self`: the own instance. */
  constructor(self: string) {
    this.#self = self;
  }

  /** Instances to name in the own presence: the newest that were told of. */
  seen(): readonly string[] {
    return [...this.#told.keys()].slice(-TWINS_MAX).sort();
  }

  /**
   * A peer answered with these, their signatures checked. One that names this instance has heard of it, so it lives:
   * nobody without the key can say so, and nothing said before this instance began can be repeated.
   */
  answered(peer: string, others: readonly Presence[], nowMs: number): void {
    const asked = this.#asked.get(peer);
    this.#asked.set(peer, { firstMs: asked?.firstMs ?? nowMs, answers: (asked?.answers ?? 0) + 1 });
    for (const presence of others) {
      if (presence.instance === this.#self) continue;
      this.#told.delete(presence.instance);
      this.#told.set(presence.instance, nowMs);
      dropOldest(this.#told, TWINS_MAX);
      if (presence.seen.includes(this.#self)) this.#twin = { presence, atMs: nowMs };
    }
  }

  /** A peer that does not speak the protocol, or is gone. */
  forget(peer: string): void {
    this.#asked.delete(peer);
  }

  /** Another living instance with the own key, heard of not long ago. */
  twin(nowMs: number): Presence | undefined {
    return this.#twin !== undefined && nowMs - this.#twin.atMs <= TWINS_REMEMBERED_MS ? this.#twin.presence : undefined;
  }

  /** Whether a peer has answered often and long enough that a twin connected to it would have shown. */
  isClear(peer: string, nowMs: number, quietMs: number, answersMin: number): boolean {
    const asked = this.#asked.get(peer);
    return asked !== undefined && asked.answers >= answersMin && nowMs - asked.firstMs >= quietMs;
  }
}
