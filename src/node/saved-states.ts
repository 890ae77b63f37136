import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFault } from '../base/disk.ts';
import { textOf } from '../base/errors.ts';
import { writeFileDurably } from '../base/files.ts';
import type { Logger } from '../base/log.ts';
import { inSlices } from '../base/slices.ts';
import { STATE_FILE, stateFiles, STATES_DIRECTORY } from '../ledger/ledger-files.ts';
import type { StateStore } from '../policy/pruning.ts';
import { decodeState, encodeState, type SavedState } from '../policy/snapshot/saved.ts';

/**
 * What was kept when bodies were dropped, by snapshot. A file that is damaged counts as lost: others tell the state.
 */
export const readSavedStates = async (ledger: string, log: Logger): Promise<ReadonlyMap<string, SavedState>> => {
  const saved = new Map<string, SavedState>();
  const names = await stateFiles(ledger).catch((caught: unknown) => {
    log.error(`cannot read what is kept in ${ledger}: ${textOf(caught)}; it is asked of other nodes`);
    return [];
  });
  for (const name of names) {
    const path = join(ledger, STATES_DIRECTORY, name);
    const [, snapshot = ''] = STATE_FILE.exec(name) ?? [];
    try {
      const state = await inSlices(decodeState(snapshot, await readFile(path)));
      if (state !== undefined) saved.set(snapshot, state);
      else log.error(`${path} is damaged: what it held is asked of other nodes`);
    } catch (caught) {
      log.error(`cannot read ${path}: ${textOf(caught)}; what it holds is asked of other nodes`);
    }
  }
  return saved;
};

/** Files among those of the ledger. `LEDGER_DISK_FAILED`. */
export const stateStore = (ledger: string): StateStore => ({
  async save(snapshot, state) {
    const dir = join(ledger, STATES_DIRECTORY);
    const bytes = await inSlices(encodeState(snapshot, state));
    try {
      await writeFileDurably(join(dir, `${snapshot}.state`), bytes);
    } catch (caught) {
      throw writeFault('LEDGER_DISK_FAILED', 'what follows from the bodies cannot be kept, so none is dropped', caught);
    }
  },
});
