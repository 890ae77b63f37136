import { expect, test } from 'vitest';
import type { Ledger } from '../../../src/ledger/ledger.ts';
import { appendMany, createSyncWorld, holdTheSame } from '../../support/sync-world.ts';

test('a node that meets three that hold the same is offered each entry once', async () => {
  const { clock, start } = createSyncWorld();
  const [a, b, c] = [await start(), await start(), await start()];
  const { entry: genesis } = await a.ledger.createNetwork('n', 'open');
  for (const { ledger } of [b, c]) {
    await ledger.offer([genesis.raw], a.key);
    ledger.allowAppend();
  }
  for (const node of [b, c]) node.network.keepDialled([{ address: a.network.address }]);
  await appendMany(a, 500, 100);
  await clock.runUntil(() => holdTheSame(a, b) && holdTheSame(a, c), 60_000);
  const joining = await start();
  let offered = 0;
  const offer = joining.ledger.offer.bind(joining.ledger);
  const counted: Ledger['offer'] = (entries, ...rest) => {
    offered += entries.length;
    return offer(entries, ...rest);
  };
  Object.assign(joining.ledger, { offer: counted });
  joining.network.keepDialled([a, b, c].map(({ network }) => ({ address: network.address })));
  await clock.runUntil(() => holdTheSame(a, joining), 60_000);
  await clock.advance(5_000);
  expect(offered).toBe(joining.ledger.size);
});
