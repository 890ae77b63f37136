import { describe, expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/codec/hash.ts';
import { createMemoryLedger } from '../../../../src/ledger/memory-ledger.ts';
import { type AnswerLedger, answerFrames } from '../../../../src/ledger/sync/answer.ts';
import { decodeMessage } from '../../../../src/ledger/sync/messages.ts';
import { createSeededRandom } from '../../../support/seeded-random.ts';
import { appendMany, holdTheSame, startSyncPair } from '../../../support/sync-world.ts';

const random = createSeededRandom(11);

describe('the order of an answer', () => {
  test('L4 causes come before effects over many logs, whatever the pieces that are read', async () => {
    const { clock, start, a, b } = await startSyncPair();
    const c = await start();
    c.network.keepDialled([{ address: b.network.address }, { address: a.network.address }]);
    await clock.runUntil(() => holdTheSame(a, b, c), 5_000);
    for (let round = 0; round < 60; round += 1) {
      await appendMany(random.pick([a, b, c]), random.integer(1, 6), round * 10);
      if (random.chance(0.3)) await clock.advance(200);
    }
    await clock.runUntil(() => holdTheSame(a, b, c), 5_000);
    const small: AnswerLedger = {
      log: (author, from) => a.ledger.log(author, from, 1_500),
      logs: (pieces) => a.ledger.logs(pieces.map((piece) => ({ ...piece, bytes: 1_500 }))),
      byHash: (hash) => a.ledger.byHash(hash),
      vouchers: async () => [],
      equivocations: () => [],
      erasedBy: () => undefined,
    };
    const ranges = [...a.ledger.clock()].map(([author, seq]): [string, number, number] => [author, 1, seq]);
    for (const ledger of [a.ledger, small]) {
      const seen = new Set<string>();
      const fresh = await createMemoryLedger({ clock });
      for await (const frame of answerFrames(ledger, { kind: 'want', ranges, proofs: [], hashes: [] })) {
        const message = decodeMessage(frame);
        for (const raw of message.kind === 'entries' ? message.entries : []) {
          const header = JSON.parse(Buffer.from(raw.header).toString()) as { prev: string | null; parents: string[] };
          for (const before of [...header.parents, ...(header.prev === null ? [] : [header.prev])])
            expect(seen).toContain(before);
          const [{ verdict }] = (await fresh.offer([raw], 'x')) as [{ verdict: string }];
          expect(verdict).toBe('accept');
          seen.add(sha256Hex(raw.header));
        }
      }
      expect(seen.size).toBe(a.ledger.size);
    }
  });
});
