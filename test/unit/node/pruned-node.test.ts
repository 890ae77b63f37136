import { EventEmitter } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { fault, type HoldfastError } from '../../../src/base/errors.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { ledgerFiles } from '../../../src/ledger/ledger-files.ts';
import { Backups } from '../../../src/node/backup/backups.ts';
import { bookKnown, HistoryKeeper } from '../../../src/node/history-keeper.ts';
import { readSavedStates, stateStore } from '../../../src/node/saved-states.ts';
import type { PolicyNotices } from '../../../src/policy/book.ts';
import type { SavedState } from '../../../src/policy/snapshot/saved.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const KEYS = ['a'.repeat(64), 'b'.repeat(64)] as const;
const STATE: SavedState = { chain: [], leaves: [], reasons: [], gone: 'x', fault: undefined };

describe('what is kept when bodies are dropped', () => {
  let ledger: string;
  beforeEach(() => void (ledger = tempDir()));

  test('is there again after a start; a damaged file counts as lost', async () => {
    expect(await readSavedStates(ledger, silentLogger)).toEqual(new Map());
    for (const key of KEYS) await stateStore(ledger).save(key, STATE);
    expect(await readSavedStates(ledger, silentLogger)).toEqual(new Map(KEYS.map((key) => [key, STATE])));
    const given: SavedState = { ...STATE, gone: undefined };
    await stateStore(ledger).save(KEYS[1], given);
    expect((await readSavedStates(ledger, silentLogger)).get(KEYS[1])).toEqual(given);
    await writeFile(join(ledger, 'states', `${KEYS[0]}.state`), 'what a crash has left');
    expect([...(await readSavedStates(ledger, silentLogger)).keys()]).toEqual([KEYS[1]]);
  });

  test('is copied with the ledger', async () => {
    await writeFile(join(ledger, 'format'), '1\n');
    await mkdir(join(ledger, 'journal'));
    const paths = async (): Promise<readonly string[]> => (await ledgerFiles(ledger)).map(({ path }) => path);
    expect(await paths()).toEqual(['format']);
    await stateStore(ledger).save(KEYS[0], STATE);
    await writeFile(join(ledger, 'states', `${KEYS[1]}.state.new`), 'half');
    expect(await paths()).toEqual(['format', `states/${KEYS[0]}.state`]);
  });

  test('a disk that does not keep it says so, with what to do', async () => {
    await writeFile(join(ledger, 'states'), 'no directory');
    expect(await readSavedStates(ledger, silentLogger)).toEqual(new Map());
    await expect(stateStore(ledger).save(KEYS[0], STATE)).rejects.toMatchObject({ code: 'LEDGER_DISK_FAILED' });
    expect(await readdir(ledger)).toEqual(['states']);
  });
});

test('no backup begins while files of the ledger are written anew', async () => {
  const backups = new Backups(
    () => {
      throw new Error('it must not begin');
    },
    () => true,
  );
  await expect(backups.start('/b')).rejects.toMatchObject({ code: 'POLICY_PRUNING_BUSY' });
  expect(backups.isRunning).toBe(false);
});

describe('a book that lacks history', () => {
  const NEED = fault('ENTRY_ARCHIVED', 'history needed');
  const world = (answers: { leaves: boolean; bodies: number }) => {
    const clock = createVirtualClock();
    const asked: string[] = [];
    let need: HoldfastError | undefined;
    const notices = new EventEmitter<PolicyNotices>();
    let lacking: readonly string[] = [];
    const pruning = {
      need: () => need,
      lacking: () => lacking,
      async askForLeaves() {
        asked.push('leaves');
        if (answers.leaves) need = undefined;
        return answers.leaves;
      },
      async fill() {
        asked.push('bodies');
        if (answers.bodies > 0) need = undefined;
        return { bodies: answers.bodies, bytes: 0 };
      },
    };
    const keeper = new HistoryKeeper({ policies: { pruning, notices }, clock, log: silentLogger });
    return {
      clock,
      asked,
      answers,
      notices,
      keeper,
      lacks: () => (need = NEED),
      name: (...snapshots: string[]) => (lacking = snapshots),
    };
  };

  test('asks nobody while it lacks nothing', async () => {
    const { clock, asked, keeper } = world({ leaves: true, bodies: 0 });
    await clock.advance(60_000);
    expect(asked).toEqual([]);
    await clock.runWhile(keeper.close(), 1_000);
  });

  test('takes the settled state, and bodies only where that is not enough', async () => {
    const first = world({ leaves: true, bodies: 0 });
    first.lacks();
    await first.clock.advance(20_000);
    expect(first.asked).toEqual(['leaves']);
    await first.keeper.close();
    const second = world({ leaves: false, bodies: 3 });
    second.lacks();
    second.notices.emit('policy:changed', []);
    await second.clock.advance(1_000);
    expect(second.asked).toEqual(['leaves', 'bodies']);
    await second.keeper.close();
  });

  test('asks again at growing intervals until somebody has it', async () => {
    const { clock, asked, answers, keeper, lacks } = world({ leaves: false, bodies: 0 });
    lacks();
    await clock.advance(600_000);
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.length).toBeLessThan(50);
    answers.leaves = true;
    await clock.advance(120_000);
    const { length } = asked;
    await clock.advance(600_000);
    expect(asked).toHaveLength(length);
    await keeper.close();
  });

  test('asks soon for what turns out to be lacking, however long it waits for something else', async () => {
    const { clock, asked, notices, keeper, lacks, name } = world({ leaves: false, bodies: 0 });
    lacks();
    await clock.advance(600_000);
    const { length } = asked;
    name('snapshot');
    notices.emit('policy:changed', []);
    await clock.advance(600);
    expect(asked.length).toBeGreaterThan(length);
    await keeper.close();
  });

  test('is waited for by what needs it, and nothing else is', async () => {
    const clock = createVirtualClock();
    const ends: (HoldfastError | undefined)[] = [NEED, NEED, undefined];
    const policies = {
      async caughtUp() {
        const end = ends.shift();
        if (end !== undefined) throw end;
      },
    };
    const { signal } = new AbortController();
    await clock.runWhile(bookKnown(policies, clock, signal), 10_000);
    expect(ends).toEqual([]);
    ends.push(fault('POLICY_CLOSED', 'closed'));
    await expect(bookKnown(policies, clock, signal)).rejects.toMatchObject({ code: 'POLICY_CLOSED' });
  });
});
