import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { unwatchedDisk } from '../../../src/base/disk.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { signatureHolds } from '../../../src/entry/check.ts';
import { ed25519 } from '../../../src/entry/signatures.ts';
import { type SigningKey, signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { openDiskStore } from '../../../src/ledger/disk-store.ts';
import { openIndex } from '../../../src/ledger/index.ts';
import { openJournal } from '../../../src/ledger/journal.ts';
import { SIGNED_AT_ONCE_MAX } from '../../../src/ledger/own-signatures.ts';
import { openStoredLedger, type StoredLedger } from '../../../src/ledger/stored-ledger.ts';
import { proposal, seedOf } from '../../support/ledger-authors.ts';
import { tempDir } from '../../support/temp-dir.ts';

/** Signs nothing but Ed25519: X25519 is for agreeing on keys. */
const UNFIT = generateKeyPairSync('x25519').privateKey;
const TOGETHER = SIGNED_AT_ONCE_MAX * 4;

let dir: string;
let ledger: StoredLedger;
let isUnfit: boolean;

const open = async (): Promise<StoredLedger> => {
  const { author, privateKey } = signingKeyFromSeed(seedOf(1));
  const key: SigningKey = {
    author,
    get privateKey() {
      return isUnfit ? UNFIT : privateKey;
    },
  };
  const ports = { clock: systemClock, disk: unwatchedDisk, log: silentLogger };
  const openLevel = () => openIndex(join(dir, 'index'), silentLogger);
  const journal = await openJournal({ dir: join(dir, 'journal'), log: silentLogger });
  const store = await openDiskStore({ ...ports, journal, index: await openLevel(), openIndex: openLevel });
  return openStoredLedger({ ...ports, key, random: systemRandom, store, useThreadPool: true, signatures: ed25519 });
};

beforeEach(async () => {
  dir = tempDir();
  isUnfit = false;
  ledger = await open();
  await ledger.createNetwork('signatures', 'open');
});
afterEach(() => ledger.close());

const appendTogether = (count: number) =>
  Promise.allSettled(Array.from({ length: count }, (_, number) => ledger.append(proposal(number))));

describe('signatures of a group of own entries, made on the thread pool', () => {
  test('are in the journal, each, before any of the group is acknowledged', async () => {
    const ended = await appendTogether(TOGETHER);
    expect(ended.every(({ status }) => status === 'fulfilled')).toBe(true);
    await ledger.close();
    ledger = await open();
    const held = await ledger.follow(0, 1_000, 'stored');
    expect(held.map(({ entry }) => entry.header.seq)).toEqual(Array.from({ length: TOGETHER + 1 }, (_, at) => at + 1));
    expect(held.every(({ entry }) => signatureHolds(entry))).toBe(true);
  });

  test.each([1, TOGETHER])(
    'that cannot be made keep a group of %i from the journal; its numbers are free',
    async (count) => {
      isUnfit = true;
      const ended = await appendTogether(count);
      expect(ended.every(({ status }) => status === 'rejected')).toBe(true);
      expect(ledger.size).toBe(1);
      isUnfit = false;
      const held = await ledger.append(proposal(1));
      expect(held.entry.header.seq).toBe(2);
      await ledger.close();
      ledger = await open();
      expect(ledger.size).toBe(2);
    },
  );
});
