import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLogger } from '../../../src/base/log.ts';
import { systemRandom } from '../../../src/base/random.ts';
import { createMemoryHub } from '../../../src/network/memory.ts';
import { readSplitView, splitViewSchema } from '../../../src/receipt/split-view.ts';
import { SplitViews } from '../../../src/receipt/split-views.ts';
import { startReceiptNode } from '../../support/receipt-node.ts';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));

test('receipts that are closed right after their start have made their directory, and make none afterwards', async () => {
  const hub = createMemoryHub({ clock: systemClock, random: systemRandom });
  for (let at = 0; at < 20; at += 1) {
    const node = await startReceiptNode({ dir, registered: new Set(), network: (_, key) => hub.node({ key }) });
    await node.receipts.close();
    expect(existsSync(join(dir, node.key.slice(0, 8), 'split-views'))).toBe(true);
    await node.close();
  }
});

test('a split view that is found after the end is not written', async () => {
  const path = new URL('../../../fixtures/receipt/v1/split-view.json', import.meta.url);
  const split = readSplitView(splitViewSchema.parse(JSON.parse(readFileSync(path, 'utf8'))));
  const views = new SplitViews(join(dir, 'views'), silentLogger);
  await views.close();
  expect(await views.add(split)).toBe(false);
  expect(existsSync(join(dir, 'views'))).toBe(false);
});
