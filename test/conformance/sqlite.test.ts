import { silentLogger } from '../../src/base/log.ts';
import { openInlineSqlite } from '../../src/sqlite/inline.ts';
import { startSqliteThreads } from '../../src/sqlite/threads.ts';
import { describeSqlite } from './sqlite-suite.ts';

describeSqlite('in-process', (dir) => openInlineSqlite({ dir }));
describeSqlite('threads', (dir) => startSqliteThreads({ dir, log: silentLogger }));
