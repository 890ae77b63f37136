import { expect, test } from 'vitest';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { openFileStore } from '../../support/file-store-fixture.ts';

test('a drop that ends in a database which was made anew since it began covers there what it names', async () => {
  const fixture = await openFileStore();
  const { store } = fixture;
  try {
    await store.store([copyOf('other', 1, rowsText(5, 2))]);
    const step = { do: 'end', policy: 'drop', files: new Map([['peer', 1]]) } as const;
    await store.submit({ kind: 'drop', dbms: 'plant', table: 'readings', step });
    expect(await store.store([copyOf('peer', 1, rowsText(0, 2))])).toEqual(['duplicate']);
  } finally {
    await fixture.close();
  }
});
