import { describe, expect, test } from 'vitest';
import { LEDGER_CACHE_ENTRIES_MAX, LEDGER_QUEUE_MAX } from '../../../src/base/limits.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { Chains } from '../../../src/ledger/chain.ts';
import { Draft } from '../../../src/ledger/draft.ts';
import { createMemoryDisk, createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import {
  createAuthor,
  everythingOf,
  genesisOf,
  offerAll,
  proposal,
  seedOf,
  START_MICROS,
} from '../../support/ledger-authors.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const SYNC_MS = 10;
const clock = createVirtualClock(START_MICROS / 1_000);
const create = async (disk = createMemoryDisk()): Promise<MemoryLedger> => {
  const ledger = await createMemoryLedger({ seed: seedOf(1), clock, disk, syncMs: SYNC_MS });
  ledger.allowAppend();
  return ledger;
};
const started = async (): Promise<MemoryLedger> => {
  const ledger = await create();
  await clock.runWhile(ledger.createNetwork('memory', 'open'), 1_000);
  return ledger;
};

describe('the memory ledger', () => {
  test('shows nothing before it is durable', async () => {
    const ledger = await started();
    const appended = ledger.append(proposal(1));
    await clock.advance(SYNC_MS - 1);
    expect([ledger.size, ledger.clock().get(ledger.author)]).toEqual([1, 1]);
    await clock.advance(1);
    expect((await appended).cursor).toBe(1);
    expect(ledger.clock().get(ledger.author)).toBe(2);
  });

  test('a crash loses what was not durable, and says so to whoever waits', async () => {
    const ledger = await started();
    await clock.runWhile(ledger.append(proposal(1)), 1_000);
    const lost = ledger.append(proposal(2));
    await clock.advance(1);
    ledger.crash();
    await expect(lost).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
    const again = await create(ledger.disk);
    expect(again.size).toBe(2);
    expect(again.network).toBe(ledger.network);
    const next = await clock.runWhile(again.append(proposal(3)), 1_000);
    expect(next.entry.header.seq).toBe(3);
  });

  test('what is asked for together is made durable together', async () => {
    const ledger = await started();
    const before = clock.monotonicMs();
    await clock.runWhile(
      Promise.all(Array.from({ length: 300 }, (_, number) => ledger.append(proposal(number)))),
      1_000,
    );
    expect(clock.monotonicMs() - before).toBe(SYNC_MS);
    expect(ledger.clock().get(ledger.author)).toBe(301);
  });

  test('uses no own number again that came back but must wait', async () => {
    const slow = createVirtualClock(START_MICROS / 1_000);
    const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
    const before = createAuthor(77, genesis);
    const ahead = { time: START_MICROS + 600_000_000 };
    const [first, second] = [before.next(ahead), before.next()];
    const ledger = await createMemoryLedger({ seed: seedOf(77), clock: slow });
    await offerAll(ledger, [genesis, first, second]);
    ledger.allowAppend();
    expect(ledger.status().mayAppend).toBe(false);
    await expect(ledger.append(proposal(1))).rejects.toMatchObject({ code: 'LEDGER_OWN_LOG_BEHIND' });
    await slow.advance(600_000);
    const { entry } = await ledger.append(proposal(1));
    expect([entry.header.seq, entry.header.prev]).toEqual([3, second.hash]);
  });

  test('an own entry that came back in the same group is followed, not repeated', () => {
    const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
    const own = createAuthor(77, genesis);
    const draft = new Draft(new Chains(), genesis.hash, own.author);
    draft.stage(genesis, true);
    expect(draft.ownHead).toBeUndefined();
    const [first, second] = [own.next(), own.next()];
    draft.stage(first, true);
    draft.stage(second, false);
    expect(draft.ownHead?.hash).toBe(second.hash);
    draft.stage(own.after(first), true);
    expect(draft.ownHead?.hash).toBe(second.hash);
  });

  test('refuses more than it can queue', async () => {
    const ledger = await started();
    const asked = Array.from({ length: LEDGER_QUEUE_MAX + 5 }, (_, number) =>
      ledger.append(proposal(number)).catch((error: unknown) => error),
    );
    const answers = await clock.runWhile(Promise.all(asked), 10_000);
    expect(answers.filter((answer) => answer instanceof Error)).toEqual(
      Array.from({ length: 5 }, () => expect.objectContaining({ code: 'LEDGER_BUSY' }) as unknown),
    );
  });

  test('answers an append whose group releases more waiting entries than are kept in memory', async () => {
    const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
    const ledger = await createMemoryLedger({ clock, seed: seedOf(2) });
    await offerAll(ledger, [genesis]);
    ledger.allowAppend();
    const author = createAuthor(66, genesis);
    const log = Array.from({ length: LEDGER_CACHE_ENTRIES_MAX + 10 }, () => author.next());
    await offerAll(ledger, log.slice(1));
    const offered = offerAll(ledger, log.slice(0, 1));
    const appends: Promise<unknown>[] = [];
    for (let turn = 0; turn < 20; turn += 1) {
      appends.push(ledger.append(proposal(turn)));
      await Promise.resolve();
    }
    await offered;
    expect(await Promise.all(appends)).toHaveLength(20);
    expect(ledger.size).toBe(1 + log.length + 20);
  });

  test('an offer larger than the queue is still taken up whole', async () => {
    const ledger = await createMemoryLedger({ clock });
    await ledger.createNetwork('memory', 'open');
    await Promise.all(Array.from({ length: 3_000 }, (_, number) => ledger.append(proposal(number))));
    const other = await createMemoryLedger({ clock });
    const verdicts = await offerAll(other, await everythingOf(ledger));
    expect(new Set(verdicts)).toEqual(new Set(['accept']));
    expect(other.version).toBe(ledger.version);
  });
});
