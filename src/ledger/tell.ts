import type { EventEmitter } from 'node:events';
import { asFault } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { LedgerNotices } from './ledger.ts';

/** Tells all listeners: one that throws harms neither the ledger nor whoever waits for it. */
export const tell = <K extends keyof LedgerNotices>(
  notices: EventEmitter<LedgerNotices>,
  log: Logger,
  name: K,
  ...values: LedgerNotices[K]
): void => {
  for (const listener of notices.listeners(name)) {
    try {
      Reflect.apply(listener, notices, values);
    } catch (caught) {
      log.error(`a listener of ${name} failed`, { text: asFault(caught).message });
    }
  }
};
