import type { Clock } from '../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { ENTRY_PARENTS_MAX } from '../base/limits.ts';
import type { Random } from '../base/random.ts';
import type { Entry } from '../entry/entry.ts';
import type { SigningKey } from '../entry/keys.ts';
import { makeEntry } from '../entry/make.ts';
import { nextTime } from '../entry/time.ts';
import type { Draft } from './draft.ts';
import type { Proposal } from './ledger.ts';

const SALT_BYTES = 16;

export interface OwnEntryPorts {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
}

/** The next entry of the own log, after everything that the draft holds. Throws `LEDGER_NO_NETWORK`, `LEDGER_ENTRY_OVERSIZE`. */
export const nextOwnEntry = ({ key, clock, random }: OwnEntryPorts, draft: Draft, proposal: Proposal): Entry => {
  if (draft.network === undefined) throw noNetwork();
  const last = draft.ownHead;
  const parents = draft.frontier(key.author, ENTRY_PARENTS_MAX);
  const times = parents.map(({ time }) => time);
  return make(() =>
    makeEntry(key, {
      net: draft.network ?? '',
      seq: (last?.seq ?? 0) + 1,
      prev: last?.hash ?? null,
      parents: parents.map(({ hash }) => hash),
      time: nextTime(clock.wallMs() * 1_000, last?.time, times),
      cap: draft.network ?? null,
      op: proposal.op,
      type: proposal.type,
      id: proposal.id,
      replaces: proposal.replaces,
      content: proposal.content,
      salt: random.bytes(SALT_BYTES),
    }),
  );
};

/** The first entry of a new network. */
export const genesisEntry = ({ key, clock, random }: OwnEntryPorts, name: string, admission: 'open'): Entry =>
  make(() =>
    makeEntry(key, {
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
      salt: random.bytes(SALT_BYTES),
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
