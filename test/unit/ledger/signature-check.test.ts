import { cpSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { DISK_RETRY_MAX_MS } from '../../../src/base/limits.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import type { HeldEntry } from '../../../src/ledger/ledger.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { SignatureCheck } from '../../../src/ledger/signature-check.ts';
import { createAuthor, genesisOf, offerAll, seedOf } from '../../support/ledger-authors.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { waitFor } from '../../support/wait.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));

const createCheck = (paced: boolean, onMark: () => void = () => {}) => {
  const clock = createVirtualClock();
  const author = createAuthor(2, genesis);
  const held: HeldEntry[] = [];
  const checked: number[] = [];
  let fails = false;
  const check = new SignatureCheck(
    {
      read: async (cursor, limit) => {
        if (fails) {
          fails = false;
          throw fault('LEDGER_READ_FAILED', 'EIO');
        }
        return held.slice(cursor, cursor + limit);
      },
      holds: ({ cursor }) => checked.push(cursor) > 0,
      saveMark: onMark,
      log: silentLogger,
      clock: paced ? clock : undefined,
    },
    { checkedTo: 0, bad: [] },
    0,
  );
  const grow = (count: number): void => {
    for (let left = count; left > 0; left -= 1) held.push({ entry: author.next(), cursor: held.length, receivedMs: 0 });
    check.extend(held.length, []);
  };
  const failNextRead = (): void => {
    fails = true;
  };
  return { clock, check, checked, grow, failNextRead };
};

describe('the check of single signatures', () => {
  test('goes on after a read that failed', async () => {
    const { clock, check, checked, grow, failNextRead } = createCheck(true);
    failNextRead();
    grow(3);
    await clock.advance(600);
    expect(checked).toEqual([]);
    await clock.advance(DISK_RETRY_MAX_MS);
    expect(checked).toEqual([0, 1, 2]);
    expect(check.counts).toEqual({ checked: 3, unchecked: 0, bad: 0 });
  });

  test('goes through all, each once, in order', async () => {
    const { check, checked, grow } = createCheck(false);
    grow(150);
    await check.finished();
    expect(checked).toEqual(Array.from({ length: 150 }, (_, cursor) => cursor));
    expect(check.counts).toEqual({ checked: 150, unchecked: 0, bad: 0 });
  });

  test('waits for a pause while entries keep coming', async () => {
    const { clock, checked, grow } = createCheck(true);
    for (let turn = 0; turn < 5; turn += 1) {
      grow(1);
      await clock.advance(40);
    }
    expect(checked).toEqual([]);
    await clock.advance(10);
    expect(checked).toEqual([0, 1, 2, 3, 4]);
  });

  test('waits no longer than half a second', async () => {
    const { clock, checked, grow } = createCheck(true);
    for (let turn = 0; turn < 12; turn += 1) {
      grow(1);
      await clock.advance(40);
    }
    expect(checked).toEqual([]);
    grow(1);
    await clock.advance(40);
    expect(checked).toHaveLength(13);
  });

  test('and leaves the cores to what takes the entries up: a few hundred each half a second, the rest in a pause', async () => {
    const { clock, checked, grow } = createCheck(true);
    grow(1_000);
    for (let turn = 0; turn < 14; turn += 1) {
      await clock.advance(40);
      grow(1);
    }
    expect(checked).toHaveLength(256);
    await clock.advance(50);
    expect(checked).toHaveLength(1_014);
  });

  test('is not said to be done by a run that was ending when more came', async () => {
    let more = (): void => {};
    const { clock, check, checked, grow } = createCheck(true, () => more());
    const done = new Promise<number>((resolve) => {
      more = () => {
        more = () => {};
        grow(1);
        void check.finished().then(() => resolve(checked.length));
      };
    });
    grow(3);
    await clock.advance(60);
    expect(await done).toBe(4);
  });

  test('ends for whoever waits where entries cannot be read', async () => {
    const { check, checked, grow, failNextRead } = createCheck(true);
    grow(3);
    failNextRead();
    await check.finished();
    expect(checked).toEqual([]);
  });

  test('verifies eight at any time, the next one when any is done, and reads on meanwhile', async () => {
    const author = createAuthor(2, genesis);
    const held = Array.from({ length: 70 }, (_, cursor) => ({ entry: author.next(), cursor, receivedMs: 0 }));
    const reads: number[] = [];
    const open = new Map<number, (holds: boolean) => void>();
    const check = new SignatureCheck(
      {
        read: async (cursor, limit) => {
          reads.push(cursor);
          return held.slice(cursor, cursor + limit);
        },
        holds: ({ cursor }) => new Promise((resolve) => open.set(cursor, resolve)),
        saveMark: () => {},
        log: silentLogger,
      },
      { checkedTo: 0, bad: [] },
      0,
    );
    const answer = async (cursor: number): Promise<void> => {
      open.get(cursor)?.(true);
      open.delete(cursor);
      await new Promise((resolve) => setImmediate(resolve));
    };
    check.extend(70, []);
    await new Promise((resolve) => setImmediate(resolve));
    expect([...open.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(reads).toEqual([0, 64]);
    await answer(3);
    expect([...open.keys()]).toEqual([0, 1, 2, 4, 5, 6, 7, 8]);
    expect(check.counts.checked).toBe(0);
    for (let cursor = 0; cursor < 70; cursor += 1) await answer(cursor);
    await check.finished();
    expect(reads).toEqual([0, 64]);
    expect(check.counts).toEqual({ checked: 70, unchecked: 0, bad: 0 });
  });

  test('is done at once for whoever waits for its end', async () => {
    const { check, checked, grow } = createCheck(true);
    grow(20);
    await check.finished();
    expect(checked).toHaveLength(20);
  });
});

test('the index stays small where entries come a few at a time', async () => {
  const root = tempDir();
  const dir = join(root, 'ledger');
  const ledger = await openLedger({ dir, seed: seedOf(3) });
  const author = createAuthor(2, genesis);
  await offerAll(ledger, [genesis]);
  for (let turn = 0; turn < 120; turn += 1) {
    await offerAll(ledger, [author.next(), author.next()]);
    await ledger.signaturesChecked();
  }
  await ledger.close();
  const index = join(dir, 'index');
  const bytes = readdirSync(index).reduce((sum, name) => sum + statSync(join(index, name)).size, 0);
  // 50 to 70 bytes an entry, and the fixed files of level.
  expect(bytes / ledger.size).toBeLessThan(80);
  const again = await openLedger({ dir, seed: seedOf(3) });
  expect(again.status().signatures).toEqual({ checked: 241, unchecked: 0, bad: 0 });
  await again.close();
});

test('how far the check came survives a crash, but for the last few', async () => {
  const root = tempDir();
  const dir = join(root, 'ledger');
  const ledger = await openLedger({ dir, seed: seedOf(3) });
  try {
    const author = createAuthor(2, genesis);
    await offerAll(ledger, [genesis, ...Array.from({ length: 600 }, () => author.next())]);
    await ledger.signaturesChecked();
    const index = join(dir, 'index');
    const written = (): string =>
      readdirSync(index)
        .map((name) => readFileSync(join(index, name), 'latin1'))
        .join('');
    await waitFor(() => written().includes('"checkedTo":601'));
    const crashed = join(root, 'crashed');
    cpSync(dir, crashed, { recursive: true });
    const again = await openLedger({ dir: crashed, seed: seedOf(3), clock: createVirtualClock() });
    // What the index does not know yet is not vouched for by the mark either.
    expect(again.status().signatures.unchecked).toBeLessThan(256);
    await again.signaturesChecked();
    expect(again.status().signatures).toEqual({ checked: 601, unchecked: 0, bad: 0 });
    await again.close();
  } finally {
    await ledger.close();
  }
});
