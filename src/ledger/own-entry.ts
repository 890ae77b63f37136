import type { Clock } from '../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { ENTRY_PARENTS_MAX } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { Entry } from '../entry/entry.ts';
import type { SigningKey } from '../entry/keys.ts';
import { unsignedEntry } from '../entry/make.ts';
import { nextTime } from '../entry/time.ts';
import type { Draft } from './draft.ts';
import type { Proposal } from './ledger.ts';

const SALT_BYTES = 16;

/** What an own entry takes from this node: the key that it names as its author, the time, a salt. */
export interface OwnEntryPorts {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly salts: Salts;
}

/** 16 random bytes an entry, drawn many at a time: a call for each costs an eighth of a signature. */
export class Salts {
  readonly #random: Random;
  #drawn: Uint8Array = new Uint8Array();
  #at = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  next(): Uint8Array {
    if (this.#at >= this.#drawn.byteLength) {
      this.#drawn = this.#random.bytes(64 * SALT_BYTES);
      this.#at = 0;
    }
    this.#at += SALT_BYTES;
    return this.#drawn.subarray(this.#at - SALT_BYTES, this.#at);
  }
}

/**
 * The next entry of the own log, after everything that the draft holds; not signed yet. Throws `LEDGER_NO_NETWORK`,
 * `LEDGER_ENTRY_OVERSIZE`.
 */
export const nextOwnEntry = (ports: OwnEntryPorts, draft: Draft, proposal: Proposal): Entry => {
  const { key, clock, salts } = ports;
  if (draft.network === undefined) throw noNetwork();
  const last = draft.ownHead;
  const parents = draft.frontier(key.author, ENTRY_PARENTS_MAX);
  const times = parents.map(({ time }) => time);
  const fields = {
    net: draft.network,
    seq: (last?.seq ?? 0) + 1,
    prev: last?.hash ?? null,
    parents: parents.map(({ hash }) => hash),
    time: nextTime(clock.wallMs() * 1_000, last?.time, times),
    cap: proposal.cap ?? draft.network,
    op: proposal.op,
    type: proposal.type,
    id: proposal.id,
    replaces: proposal.replaces,
    content: proposal.content,
    salt: salts.next(),
  };
  return make(() => unsignedEntry(key.author, fields));
};

/** The first entry of a new network, not signed yet. */
export const genesisEntry = ({ key, clock, salts }: OwnEntryPorts, name: string, admission: 'open' | 'invite'): Entry =>
  make(() =>
    unsignedEntry(key.author, {
      net: '',
      seq: 1,
      prev: null,
      parents: [],
      time: nextTime(clock.wallMs() * 1_000, undefined, []),
      cap: null,
      op: 'genesis',
      type: null,
      id: null,
      replaces: null,
      content: { v: 1, name, admission, roots: [key.author] },
      salt: salts.next(),
    }),
  );

const noNetwork = (): HoldfastError =>
  fault('LEDGER_NO_NETWORK', 'this node belongs to no network yet', {
    hint: 'create one (start with --network NAME) or join one (start with --seed HOST:PORT)',
  });

const make = (made: () => Entry): Entry => {
  try {
    return made();
  } catch (caught) {
    const error = asFault(caught);
    if (error.code !== 'ENTRY_BODY_OVERSIZE' && error.code !== 'ENTRY_HEADER_OVERSIZE') throw error;
    throw fault('LEDGER_ENTRY_OVERSIZE', error.message, {
      hint: 'split the policy into smaller ones',
      cause: error,
    });
  }
};
