import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openInlineSqlite } from '../../../src/sqlite/inline.ts';
import { openOperator } from '../../support/operator-fixture.ts';
import { tempDir } from '../../support/temp-dir.ts';

test('an operator that cannot start leaves nothing behind that listens, however often it is tried', async () => {
  const dir = tempDir();
  const sqlite = openInlineSqlite({ dir: join(dir, 'dbms') });
  const errDir = join(dir, 'error');
  writeFileSync(errDir, 'no directory');
  for (let times = 0; times < 3; times += 1)
    await expect(openOperator({ dir, errDir, ports: { sqlite } })).rejects.toThrow();
  expect(sqlite.notices.listenerCount('databases:mended')).toBe(0);
  await sqlite.close();
});
