import { HoldfastError } from '../base/errors.ts';
import { inSlices, type Sliced } from '../base/slices.ts';
import type { PeerKey } from '../network/network.ts';
import type { Authority } from './authority/authority.ts';
import type { PolicyBook } from './book.ts';
import type { LedgerFold } from './fold.ts';
import { NODE_TYPES } from './kinds/registry.ts';
import type { Policies } from './policies.ts';
import { registeredIn } from './registered.ts';
import { originLeaf } from './state-root.ts';

/** Who says what a node had: the keys that cosigned a checkpoint of it. */
export interface Cosigned {
  readonly node: PeerKey;
  readonly by: readonly PeerKey[];
}

type Latest = Pick<PolicyBook, 'authority' | 'effectOf' | 'ofType'>;
type Then = Pick<LedgerFold, 'factsOf' | 'ofType' | 'settledOrigins'>;

/**
 * The key, and those that it stood in for by anything that it held by right, whether or not that was revoked or handed
 * on since.
 */
const keysOfNode = (authority: Authority, key: PeerKey): ReadonlySet<PeerKey> => {
  const held = authority.graph.linksOf(key).filter(({ fact }) => authority.reasonOf(fact) === undefined);
  return new Set([key, ...held.flatMap(({ fact }) => authority.rightsOf({ cap: fact.hash })?.former ?? [])]);
};

/** Of some keys those of other nodes: nobody is a witness for itself, by whichever of its keys (bundle SPEC §5). */
export const othersThan = (node: PeerKey, keys: Iterable<PeerKey>, { authority }: Latest): readonly PeerKey[] => {
  const own = keysOfNode(authority, node);
  return [...keys].filter((key) => ![...keysOfNode(authority, key)].some((each) => own.has(each)));
};

/** Of those who cosigned, the nodes that have a policy now (bundle SPEC §5, B5). */
const countingNow = ({ node, by }: Cosigned, latest: Latest): ReadonlySet<PeerKey> => {
  const registered = registeredIn(latest);
  const known = by.filter((key) => registered.has(key));
  return new Set(othersThan(node, known, latest));
};

/**
 * Of those who cosigned, the nodes whose word counts (bundle SPEC §5, K2): registered now, or by what the node had
 * then, where what registered them has not become void. `then`: the policies that follow from the entries of the
 * checkpoint; `latest`: from all.
 */
export const countingWitnesses = function* (
  cosigned: Cosigned,
  then: Then,
  latest: Latest,
): Sliced<ReadonlySet<PeerKey>> {
  const { node, by } = cosigned;
  const counting = new Set(countingNow(cosigned, latest));
  const others = new Set(othersThan(node, by, latest));
  for (const type of NODE_TYPES)
    for (const state of then.ofType(type)) {
      const { peer } = state.value;
      if (typeof peer !== 'string' || counting.has(peer) || !others.has(peer)) continue;
      const given = (yield* originLeaf(state, then)).attributes['peer'];
      if (given !== undefined && typeof latest.effectOf(given) === 'string') counting.add(peer);
    }
  return counting;
};

/**
 * {@link countingWitnesses} at a node that holds the entries of the checkpoint (hashes). What the node had then is
 * worked out only where one that cosigned is not registered now. Errors: those of {@link Policies.past}.
 */
export const countingHere = async (
  policies: Pick<Policies, 'book' | 'caughtUp' | 'past'>,
  cosigned: Cosigned,
  entries: readonly string[],
  signal?: AbortSignal,
): Promise<ReadonlySet<PeerKey>> => {
  await policies.caughtUp();
  const now = countingNow(cosigned, policies.book);
  if (now.size === cosigned.by.length) return now;
  try {
    const { book } = await policies.past({ kind: 'receipt', node: cosigned.node, micros: 0, entries }, signal);
    return await inSlices(countingWitnesses(cosigned, book, policies.book), signal);
  } catch (caught) {
    // A node that dropped what registered the others names those that it can tell.
    if (now.size > 0 && caught instanceof HoldfastError && caught.code === 'ENTRY_ARCHIVED') return now;
    throw caught;
  }
};
