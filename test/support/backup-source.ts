import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import type { BackupSource } from '../../src/node/backup/backup-job.ts';
import { createDirectories, nodePaths } from '../../src/node/paths.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';

/** An empty node at `node` below a directory, as a backup sees it; whoever makes it closes its `sqlite`. */
export const backupSource = async (root: string): Promise<BackupSource> => {
  const paths = nodePaths(join(root, 'node'));
  await createDirectories(paths, silentLogger);
  mkdirSync(join(paths.ledger, 'journal'), { recursive: true });
  writeFileSync(join(paths.ledger, 'format'), '1');
  const about = { version: '1', node: 'a'.repeat(64), name: 'n', network: null };
  const sqlite = openInlineSqlite({ dir: paths.dbms });
  return { ...about, paths, sqlite, archive: paths.archive, clock: systemClock, script: undefined, configuration: {} };
};
