import type { Ledger } from '../ledger.ts';
import type { Head, Holdings } from './state.ts';

/** An entry, by its author, its number in the author's log, and its hash. */
export interface LogEntry extends Head {
  readonly author: string;
}

/**
 * Whether who holds `theirs` holds all of these entries, which are held here. Numbers do not say: an author may have
 * signed two logs, and nobody knows yet. But a log is a chain of hashes, so whose newest entry is in the log here has
 * what comes before it there. `mine` is asked anew after each read.
 */
export const holdsAll = async (
  entries: readonly LogEntry[],
  theirs: Holdings,
  mine: () => Holdings,
  ledger: Pick<Ledger, 'byHash'>,
): Promise<boolean> => {
  for (const { author, seq } of entries) {
    const head = theirs.heads.get(author);
    if (head === undefined || head.seq < seq) return false;
    if (mine().heads.get(author)?.hash === head.hash) continue;
    const header = (await ledger.byHash(head.hash))?.entry.header;
    // Up to the newest that counts there is no other of the same number here, and all are linked.
    const newest = mine().heads.get(author)?.seq ?? 0;
    if (header?.author !== author || header.seq !== head.seq || head.seq > newest) return false;
  }
  return true;
};
