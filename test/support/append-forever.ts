import { openLedger } from '../../src/ledger/open-ledger.ts';
import { proposal, seedOf } from './ledger-authors.ts';

/**
 * A process to be killed: appends to the ledger in the directory given, several at a time, and prints each hash once it
 * is acknowledged.
 */
const [dir = '', first = '0'] = process.argv.slice(2);
const ledger = await openLedger({ dir, seed: seedOf(1), journalFileBytesMax: 100_000 });
if (ledger.network === undefined) await ledger.createNetwork('killed', 'open');
ledger.allowAppend();
let number = Number(first);
const appendForever = async (): Promise<never> => {
  for (;;) {
    number += 1;
    const { entry } = await ledger.append(proposal(number));
    process.stdout.write(`${entry.hash}\n`);
  }
};
await Promise.all(Array.from({ length: 8 }, appendForever));
