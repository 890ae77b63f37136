import { WRITE_WAIT_MS_MAX } from '../base/limits.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerSync } from '../ledger/sync/sync.ts';
import type { Network } from '../network/network.ts';

/** Resolves when the node belongs to a network, or the signal aborts. */
const networkKnown = (ledger: Pick<Ledger, 'network' | 'notices'>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const look = (): void => {
      if (ledger.network === undefined && !signal.aborted) return;
      ledger.notices.off('ledger:appended', look);
      signal.removeEventListener('abort', look);
      resolve();
    };
    ledger.notices.on('ledger:appended', look);
    signal.addEventListener('abort', look, { once: true });
    look();
  });

/**
 * A write right after a start waits until a node that was told seeds has joined their network, and until the peers were
 * asked for its own log; the ledger refuses it where that takes too long.
 */
export const writesKnown = async (
  ledger: Pick<Ledger, 'network' | 'notices' | 'status'>,
  ledgerSync: Pick<LedgerSync, 'ownLogKnown'>,
  network: Pick<Network, 'dialStates'>,
  limit: () => AbortSignal = () => AbortSignal.timeout(WRITE_WAIT_MS_MAX),
): Promise<void> => {
  const isAlone = ledger.network === undefined && network.dialStates().length === 0;
  if (isAlone || (ledger.network !== undefined && ledger.status().mayAppend)) return;
  // Made only where something is waited for: each is a timer, and nearly all writes wait for nothing.
  const signal = limit();
  if (ledger.network === undefined) await networkKnown(ledger, signal);
  if (ledger.network === undefined || ledger.status().mayAppend) return;
  await ledgerSync.ownLogKnown(signal).catch(() => {
    // The ledger's own error says more.
  });
};
