import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { JournalFiles } from '../../../src/ledger/journal-files.ts';
import { systemJournalFiles } from '../../../src/ledger/journal-files.ts';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import { DISK_LOOK_MS } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { everythingOf, offerAll, proposal, seedOf } from '../../support/ledger-authors.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const failure = (code: string): Error => Object.assign(new Error(`${code}: made by the test`), { code });

let dir: string;
let refused: ((at: number, bytes: number) => string | undefined) | undefined;
let ledger: Ledger;
const files: JournalFiles = {
  ...systemJournalFiles,
  read(handle, into, at) {
    const code = refused?.(at, into.byteLength);
    return code === undefined ? systemJournalFiles.read(handle, into, at) : Promise.reject(failure(code));
  },
};

const reopened = async (): Promise<void> => {
  await ledger.close();
  ledger = await openLedger({ dir, seed: seedOf(1), journalFiles: files });
  ledger.allowAppend();
};

beforeEach(async () => {
  dir = tempDir();
  refused = undefined;
  ledger = await openLedger({ dir, seed: seedOf(1), journalFiles: files });
  await ledger.createNetwork('reads', 'open');
  for (let number = 0; number < 6; number += 1) await ledger.append(proposal(number));
  await reopened();
});
afterEach(() => ledger.close());

test('a file that cannot be opened or read just now is no damage: the read fails, and nothing is set aside', async () => {
  refused = () => 'EMFILE';
  await expect(ledger.follow(0, 100)).rejects.toMatchObject({ code: 'LEDGER_READ_FAILED' });
  expect(ledger.status()).toMatchObject({ damaged: [], mayAppend: true });
  refused = undefined;
  expect(await ledger.follow(0, 100)).toHaveLength(7);
  await ledger.append(proposal(7));
});

test('a place that the disk cannot read is damage, of the lines there and no others', async () => {
  const bad = { at: 0 };
  // Once reads go through, the middle of the file is found by its size.
  await ledger.follow(0, 100);
  await reopened();
  refused = (at, bytes) => {
    bad.at ||= at + Math.floor(bytes / 2);
    return at <= bad.at && bad.at < at + bytes ? 'EIO' : undefined;
  };
  expect(await ledger.follow(0, 100)).toHaveLength(6);
  expect(ledger.status().damaged).toHaveLength(1);
});

test('the book goes on by itself once the ledger can be read again', async () => {
  const clock = createVirtualClock();
  refused = () => 'EMFILE';
  const policies = createPolicies({
    ...{ ledger, ownKey: ledger.author, clock, log: silentLogger },
    holders: () => new Set<string>(),
    isOwn: () => false,
    mayWrite: () => Promise.resolve(),
  });
  await expect(policies.caughtUp()).rejects.toMatchObject({ code: 'LEDGER_READ_FAILED' });
  refused = undefined;
  await clock.advance(DISK_LOOK_MS);
  await clock.runUntil(() => policies.book.revision > 0, 1_000);
  await policies.close();
});

test('what is offered while the ledger closes is refused, not half written', async () => {
  const other = await openLedger({ dir: join(dir, 'other'), seed: seedOf(2) });
  const entries = (await everythingOf(ledger)).slice(0, 1);
  await offerAll(other, entries);
  const rest = await ledger.follow(1, 100);
  const offered = other.offer(
    rest.map(({ entry }) => entry.raw),
    ledger.author,
  );
  const closed = other.close();
  const codes = (await offered).map(({ verdict, code }) => `${verdict} ${code ?? ''}`.trim());
  await closed;
  expect(new Set(codes)).toEqual(new Set(['ignore LEDGER_CLOSED']));
});
