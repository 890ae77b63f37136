import { fault, type HoldfastError } from '../../base/errors.ts';
import type { PeerKey } from '../../network/network.ts';

/** The body of an entry, as somebody gave it: not yet compared with the header. */
export interface ArchivedBody {
  /** Hash of the entry. */
  readonly hash: string;
  readonly body: Uint8Array;
}

/** A node that keeps everything. */
export interface ArchiveHolder {
  readonly key: PeerKey;
  /** As users know it; undefined where it has no policy. */
  readonly name: string | undefined;
}

/**
 * What others keep that was dropped here. Nobody is trusted: whoever asks compares each body with its header, and
 * leaves with the root.
 */
export interface Archive {
  /**
   * Those of the bodies that somebody reachable has, in any order, each as it comes. Ends early, without error, where
   * nobody has more.
   */
  bodies(hashes: readonly string[], signal?: AbortSignal): AsyncIterable<ArchivedBody>;
  /**
   * The leaves of the state that a snapshot settles, in the order of its root, each as the exact bytes that the root is
   * made of (`policy/SPEC.md` 3). `snapshot`: hash of the content that its entries share (`snapshotKey`). Undefined
   * where nobody reachable has them.
   */
  leaves(snapshot: string, signal?: AbortSignal): Promise<readonly Uint8Array[] | undefined>;
  /** Whom to ask: the nodes known to keep everything, in reach or not. */
  holders(): readonly ArchiveHolder[];
}

const NAMED_MAX = 3;

/** The holders in a few words. */
export const holdersText = (holders: readonly ArchiveHolder[]): string => {
  if (holders.length === 0) return 'a node that keeps the whole history';
  const named = holders.slice(0, NAMED_MAX).map(({ key, name }) => name ?? key.slice(0, 16));
  return `${named.join(', ')}${holders.length > NAMED_MAX ? ` or ${holders.length - NAMED_MAX} more` : ''}`;
};

/** Why something is not answered here: bodies that it needs were dropped once a snapshot had settled them. */
export const archivedFault = (what: string, archive: Pick<Archive, 'holders'> | undefined): HoldfastError => {
  const holders = archive?.holders() ?? [];
  return fault('ENTRY_ARCHIVED', `${what}: archived, ask ${holdersText(holders)}`, {
    data: { holders: holders.map(({ key }) => key) },
    hint: 'ask there, or fetch everything back to this node: blockchain fill history',
  });
};
