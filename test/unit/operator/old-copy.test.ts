import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FileCopy } from '../../../src/operator/file-record.ts';
import { rowsText } from '../../conformance/file-store.ts';
import { openOperator, type OperatorFixture } from '../../support/operator-fixture.ts';
import { selectRows } from '../../support/table-rows.ts';
import { tempDir } from '../../support/temp-dir.ts';

describe('an old copy of the disk, with rows in the buffer that the original flushed later', () => {
  let dir: string;
  let original: OperatorFixture;
  let restored: OperatorFixture;
  let returned: FileCopy | undefined;

  beforeEach(async () => {
    dir = tempDir();
    original = await openOperator({ dir: join(dir, 'original') });
    await original.stream(rowsText(0, 3));
    await original.stream(rowsText(3, 2));
    await original.close();
    await cp(join(dir, 'original'), join(dir, 'copy'), { recursive: true });
    original = await openOperator({ dir: join(dir, 'original') });
    await original.stream(rowsText(5, 2));
    await original.operator.flush();
    returned = await original.operator.store.read('own', 1);
    restored = await openOperator({ dir: join(dir, 'copy') });
    await restored.stream(rowsText(7, 2));
  });
  afterEach(async () => {
    await original.close();
    await restored.close();
  });

  const readings = async (): Promise<unknown[]> =>
    (await selectRows(restored.sqlite, 'plant', 'select reading from readings order by reading')).map(
      (row) => row['reading'],
    );

  test('they are there once when the file comes back, and what came since is kept', async () => {
    await restored.operator.store.store([returned as FileCopy]);
    expect(await readings()).toEqual([0, 1, 2, 3, 4, 5, 6]);
    await restored.operator.flush();
    expect(await readings()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
  });

  test('a file that was put and has the same rows takes nothing from the buffer', async () => {
    await original.put(`${rowsText(0, 3)}\n`);
    const put = await original.operator.store.read('own', 2);
    await restored.operator.store.store([put]);
    await restored.operator.flush();
    expect(await readings()).toEqual([0, 0, 1, 1, 2, 2, 3, 4, 7, 8]);
  });
});
