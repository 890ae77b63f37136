import type { Clock } from '../../src/base/clock.ts';
import { unwatchedDisk } from '../../src/base/disk.ts';
import { fault } from '../../src/base/errors.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import type { SigningKey } from '../../src/entry/keys.ts';
import { openDiskStore } from '../../src/ledger/disk-store.ts';
import { openJournal } from '../../src/ledger/journal.ts';
import { openStoredLedger, type StoredLedger } from '../../src/ledger/stored-ledger.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { simulatedSignatures as signatures } from './simulated-signatures.ts';

/** Small, so that a schedule fills several. */
const JOURNAL_FILE_BYTES = 8_000;
/** Some appends are written over zeros, others behind them. */
const JOURNAL_ROOM_BYTES = 4_000;

/** A ledger over the real journal, without an index, on what a simulated disk holds. */
export const openSimulatedLedger = async (
  key: SigningKey,
  simulated: SimulatedDisk,
  about: { readonly clock: Clock; readonly random: Random },
): Promise<StoredLedger> => {
  const ports = { ...about, log: silentLogger, disk: unwatchedDisk };
  const files = simulated.files();
  const journal = await openJournal({
    ...{ dir: 'journal', log: silentLogger, files },
    ...{ fileBytesMax: JOURNAL_FILE_BYTES, roomBytes: JOURNAL_ROOM_BYTES },
  });
  const openIndex = async (): Promise<never> => {
    throw fault('LEDGER_INDEX_FAILED', 'there is no level here');
  };
  const store = await openDiskStore({ ...ports, journal, index: undefined, openIndex });
  return openStoredLedger({ ...ports, key, store, useThreadPool: false, signatures });
};
