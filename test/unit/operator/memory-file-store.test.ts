import { describe, expect, test } from 'vitest';
import { createMemoryFileStore } from '../../../src/operator/memory-file-store.ts';
import { describeFileStore } from '../../conformance/file-store.ts';

describeFileStore('memory', async () => {
  const store = createMemoryFileStore('own');
  return {
    store,
    put: async (content) => store.put({ content, time: '2026-06-01T00:00:00.000000Z' }),
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
});
