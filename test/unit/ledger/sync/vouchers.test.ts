import { expect, test } from 'vitest';
import { sha256Hex } from '../../../../src/codec/hash.ts';
import { createMemoryLedger } from '../../../../src/ledger/memory-ledger.ts';
import { voucherSearch } from '../../../../src/ledger/proof.ts';
import { answerFrames } from '../../../../src/ledger/sync/answer.ts';
import { decodeMessage, type WantMessage } from '../../../../src/ledger/sync/messages.ts';
import { badlySigned, createAuthor } from '../../../support/ledger-authors.ts';

/** A log of which each eighth entry alone is well signed. */
const logOf = async (length: number) => {
  const ledger = await createMemoryLedger({ seed: new Uint8Array(32).fill(7) });
  const { entry: genesis } = await ledger.createNetwork('n', 'open');
  const author = createAuthor(99, genesis);
  const entries = Array.from({ length }, () => author.next());
  await ledger.offer(
    entries.map((entry, at) => (at % 8 === 7 ? entry.raw : badlySigned(entry))),
    'f'.repeat(64),
  );
  return { ledger, hashes: entries.map(({ hash }) => hash) };
};

const answered = async (
  { ledger }: Awaited<ReturnType<typeof logOf>>,
  hashes: readonly string[],
  search = voucherSearch(),
): Promise<readonly string[]> => {
  const sent: string[] = [];
  const want: WantMessage = { kind: 'want', ranges: [], proofs: [], hashes: [...hashes] };
  for await (const frame of answerFrames(ledger, want, undefined, search)) {
    const message = decodeMessage(frame);
    if (message.kind === 'entries') sent.push(...message.entries.map(({ header }) => sha256Hex(header)));
  }
  return sent;
};

test('what vouches for several entries is looked for and sent once', async () => {
  const world = await logOf(64);
  const search = voucherSearch();
  const { left } = search;
  const sent = await answered(world, world.hashes.slice(32).reverse(), search);
  expect(new Set(sent).size).toBe(sent.length);
  expect([...sent].sort()).toEqual([...world.hashes].sort());
  expect(left - search.left).toBeLessThanOrEqual(64);
});

test('an answer leaves out what would need more to be looked for than it may, and the rest can be asked for', async () => {
  const world = await logOf(64);
  const wanted = [0, 8, 16, 24].map((at) => world.hashes[at] ?? '');
  const sent = await answered(world, wanted, { ...voucherSearch(), left: 10 });
  expect(sent).toEqual(world.hashes.slice(0, 8));
  const rest = await answered(
    world,
    wanted.filter((hash) => !sent.includes(hash)),
  );
  expect(new Set([...sent, ...rest])).toEqual(new Set(world.hashes.slice(0, 32)));
});

test('what is well signed comes also behind what would need more to be looked for', async () => {
  const world = await logOf(64);
  const wanted = [0, 8, 63].map((at) => world.hashes[at] ?? '');
  const sent = await answered(world, wanted, { ...voucherSearch(), left: 8 });
  expect(sent).toContain(wanted[2]);
});
