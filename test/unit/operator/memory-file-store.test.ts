import { describe, expect, test } from 'vitest';
import { createMemoryFileStore } from '../../support/memory-file-store.ts';
import { describeFileStore } from '../../conformance/file-store.ts';

describeFileStore('memory', async () => {
  const store = createMemoryFileStore('own');
  return {
    store,
    put: async (content) => store.put({ content, time: '2026-06-01T00:00:00.000000Z' }),
    damageRows: async (...about) => store.damageRows(...about),
    loseArchive: async (...about) => store.loseArchive(...about),
    loseRecord: async (...about) => store.loseRecord(...about),
    readings: async () =>
      store
        .all()
        .flatMap(({ origin, file }) => (store.rowsOf(origin, file) ?? '').split('\n'))
        .map((line) => JSON.parse(line) as { reading: number; device: string })
        .map(({ reading, device }) => [reading, device] as const),
    close: async () => {},
  };
});

describe('memory file store', () => {
  test('plays a lost archive', async () => {
    const store = createMemoryFileStore('own');
    store.put({ content: '{"a":1}', time: '2026-06-01T00:00:00.000000Z' });
    store.loseArchive('own', 1);
    expect((await store.read('own', 1)).rebuilt).toBe(true);
  });

  test('plays a disk that lied about the last commits', async () => {
    const store = createMemoryFileStore('own');
    for (const a of [1, 2, 3]) store.put({ content: `{"a":${a}}`, time: '2026-06-01T00:00:00.000000Z' });
    const older = store.asOf(store.commits - 1);
    expect(older.all()).toEqual(store.all().slice(0, 2));
    expect(older.holdings()).toEqual(new Map([['own', [[1, 2]]]]));
    expect([older.commits, older.asOf(0).all()]).toEqual([2, []]);
    // What is lost may be given again.
    expect(older.put({ content: '{"a":3}', time: '2026-06-01T00:00:00.000000Z' }).duplicate).toBe(false);
  });
});
