import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import { sha256Hex } from '../../../src/codec/hash.ts';
import { isConsistent } from '../../../src/codec/merkle.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { type Checkpoint, cosign } from '../../../src/receipt/checkpoint.ts';
import { type KeeperPorts, ReceiptKeeper } from '../../../src/receipt/keeper.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const key = signingKeyFromSeed(new Uint8Array(32).fill(1));
const witness = signingKeyFromSeed(new Uint8Array(32).fill(2));

describe('the own log of receipts', () => {
  let dir: string;
  /** Hashes by cursor, as a ledger has them; undefined where a line is damaged. */
  let entries: (string | undefined)[];
  let shown: Checkpoint | undefined;
  const clock = createVirtualClock();
  let offSeconds = 0;
  const random = createSeededRandom(1, 'keeper');

  beforeEach(async () => {
    dir = tempDir();
    entries = Array.from({ length: 600 }, (_, at) => sha256Hex(`entry ${at}`));
    shown = undefined;
    offSeconds = 0;
  });

  const keeperIn = (path: string, more: Partial<KeeperPorts> = {}): ReceiptKeeper =>
    new ReceiptKeeper({
      ledger: {
        network: 'ab'.repeat(32),
        get size() {
          return entries.length;
        },
        hashAt: (cursor) => entries[cursor],
      },
      ...{ key, clock, random, log: silentLogger, dir: path },
      witnesses: async () => [witness.author],
      submit: async (_, old, proof, checkpoint) => {
        if (shown !== undefined && shown.origin.incarnation === checkpoint.origin.incarnation) {
          if (old !== shown.size) return { answer: 'stale', size: shown.size, checkpoint: shown.note };
          expect(isConsistent(shown, checkpoint, proof)).toBe(true);
        }
        shown = checkpoint;
        const time = Math.floor(clock.wallMs() / 1_000) + offSeconds;
        return { answer: 'cosigned', line: cosign(witness, checkpoint.origin, checkpoint.text, time) };
      },
      shown: async () => shown,
      ...more,
    });

  test('goes on after a start: the same log, each entry once, also where cursors have shifted', async () => {
    const first = keeperIn(dir);
    expect(await first.step()).toBe(true);
    const before = first.newest();
    expect(before).toMatchObject({ size: 600, cosignatures: [{ witness: witness.author }] });
    await first.close();

    // A line is damaged: its number is empty, and the entry comes again later, with others.
    entries = [...entries.with(3, undefined), entries[3], sha256Hex('new')];
    const second = keeperIn(dir);
    expect(await second.step()).toBe(true);
    const after = second.newest();
    expect(after?.size).toBe(601);
    expect(after?.origin).toEqual(before?.origin);
    expect(second.indexOf(sha256Hex('entry 3'))).toBe(3);
    expect(second.indexOf(sha256Hex('new'))).toBe(600);
    const proof = await second.consistency(600, 601);
    if (before === undefined || after === undefined) throw new Error('no checkpoint');
    expect(isConsistent(before, after, proof)).toBe(true);
    await second.close();
  });

  test('asks a witness for a checkpoint that names what registered it', async () => {
    const keeper = keeperIn(dir, {
      witnesses: async () => {
        entries.push(sha256Hex(`policy ${entries.length}`));
        return [witness.author];
      },
    });
    await keeper.step();
    expect(keeper.newest()?.cosignatures).toHaveLength(1);
    expect(keeper.newest()?.size).toBe(entries.length);
    await keeper.close();
  });

  test('signs nothing where nothing came', async () => {
    const keeper = keeperIn(dir);
    await keeper.step();
    const { note } = keeper.newest() ?? { note: '' };
    expect(await keeper.step()).toBe(true);
    expect(keeper.newest()?.note).toBe(note);
    await keeper.close();
  });

  test('an older copy of the directory begins another log instead of signing a second history', async () => {
    const path = join(dir, 'now');
    const first = keeperIn(path);
    await first.step();
    await first.close();
    await cp(path, join(dir, 'old'), { recursive: true });
    entries.push(sha256Hex('one more'));
    const second = keeperIn(path);
    await second.step();
    const { origin, size } = second.newest() ?? {};
    expect(size).toBe(601);
    await second.close();

    entries.splice(600, 1, sha256Hex('another'));
    const copy = keeperIn(join(dir, 'old'));
    expect(await copy.step()).toBe(false);
    expect(await copy.step()).toBe(true);
    expect(copy.newest()?.size).toBe(601);
    expect(copy.newest()?.origin).not.toEqual(origin);
    await copy.close();
  });

  test('a log that is not the one that was signed is left, and another begun', async () => {
    const first = keeperIn(dir);
    await first.step();
    const { origin } = first.newest() ?? {};
    await first.close();
    const path = join(dir, origin?.incarnation ?? '', 'entries');
    const bytes = await readFile(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    await writeFile(path, bytes);
    const second = keeperIn(dir);
    await second.step();
    expect(second.newest()?.size).toBe(600);
    expect(second.newest()?.origin).not.toEqual(origin);
    expect((await readdir(dir)).filter((name) => name !== 'current')).toHaveLength(2);
    await second.close();
  });

  test('a signed checkpoint that nobody cosigned is asked for again after a start, not signed anew', async () => {
    const first = keeperIn(dir, {
      submit: async () => {
        throw new Error('nobody is there');
      },
    });
    expect(await first.step()).toBe(false);
    expect(first.witnessStates()).toMatchObject([{ size: 0, lastError: 'nobody is there' }]);
    const signed = first.newest();
    await first.close();
    const second = keeperIn(dir);
    expect(await second.step()).toBe(true);
    expect(second.newest()).toMatchObject({ text: signed?.text, cosignatures: [{ witness: witness.author }] });
    await second.close();
  });

  test('a cosignature whose time is far off is left out', async () => {
    offSeconds = 3_600;
    const keeper = keeperIn(dir);
    expect(await keeper.step()).toBe(false);
    expect(keeper.newest()?.cosignatures).toEqual([]);
    expect(keeper.witnessStates()[0]?.lastError).toContain('off by 3600 s');
    await keeper.close();
  });

  test('a disk that fails stops one step; the next goes on from what is there', async () => {
    await writeFile(join(dir, 'file'), '');
    const keeper = keeperIn(join(dir, 'file', 'below'));
    await expect(keeper.step()).rejects.toThrow();
    await rm(join(dir, 'file'));
    expect(await keeper.step()).toBe(true);
    expect(keeper.newest()?.size).toBe(600);
    await keeper.close();
  });
});
