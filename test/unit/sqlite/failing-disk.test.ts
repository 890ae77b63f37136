import { execFileSync } from 'node:child_process';
import { chmodSync } from 'node:fs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tempDir } from '../../support/temp-dir.ts';

let dir: string;
beforeEach(() => void (dir = tempDir()));
afterEach(() => {
  chmodSync(dir, 0o755);
});

const DATABASES = new URL('../../../src/sqlite/databases.ts', import.meta.url).href;

/** Runs a script in a process of its own, with `writers` and `readers` over `dir`; returns what it prints, parsed. */
const inProcess = (script: string, how: { readonly shell?: string; readonly uid?: number } = {}): unknown => {
  const program = `
    const { ReadDirectory, WriteDirectory } = await import(${JSON.stringify(DATABASES)});
    const options = { dir: ${JSON.stringify(dir)}, durable: true, clock: { monotonicMs: () => 0 } };
    const writers = new WriteDirectory(options), readers = new ReadDirectory(options);
    const codeOf = (work) => { try { work(); return 'done'; } catch (caught) { return caught.code ?? String(caught); } };
    ${script}`;
  const run = `${how.shell ?? ''} exec "$0" --input-type=module -e "$1"`;
  const user = how.uid === undefined ? {} : { uid: how.uid, gid: how.uid };
  const out = execFileSync('/bin/sh', ['-c', run, process.execPath, program], { ...user, encoding: 'utf8', cwd: '/' });
  return JSON.parse(out) as unknown;
};

test('a disk that takes no more bytes: the write fails typed and whole, reads go on, writes once it was opened again', () => {
  // A limit on file sizes is the same to SQLite as a full disk: the write comes back short.
  const result = inProcess(
    `
    const d = writers.write('d');
    d.exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)');
    const fill = () => d.transaction(() => { for (let i = 0; i < 3000; i += 1) d.run('INSERT INTO t VALUES (?)', ['x'.repeat(900)]); });
    const failed = codeOf(fill);
    const refused = codeOf(() => d.run('INSERT INTO t VALUES (2)'));
    writers.rest();
    const rests = codeOf(() => writers.write('d')), read = readers.read('d').all('SELECT a FROM t');
    writers.mend();
    console.log(JSON.stringify([failed, refused, rests, read, writers.write('d').run('INSERT INTO t VALUES (2)'),
      readers.read('d').all('SELECT a FROM t')]));`,
    { shell: "trap '' XFSZ; ulimit -f 1000;" },
  );
  const failed = 'SQLITE_DISK_FAILED';
  expect(result).toEqual([failed, failed, failed, [[1]], 1, [[1], [2]]]);
});

test.runIf(process.getuid?.() === 0)('a read-only disk: reads go on, a write is SQLITE_DISK_FAILED', () => {
  inProcess(
    `writers.write('d').exec('CREATE TABLE t (a); INSERT INTO t VALUES (1)'); writers.close(); console.log(1);`,
  );
  chmodSync(dir, 0o555);
  const result = inProcess(
    `console.log(JSON.stringify([
      readers.read('d').all('SELECT a FROM t'),
      codeOf(() => writers.write('d').run('INSERT INTO t VALUES (2)')),
      codeOf(() => writers.write('new').exec('CREATE TABLE t (a)')),
      readers.read('d').all('SELECT a FROM t'),
    ]));`,
    { uid: 65_534 },
  );
  expect(result).toEqual([[[1]], 'SQLITE_DISK_FAILED', 'SQLITE_DISK_FAILED', [[1]]]);
});

test('kill -9 after a commit loses nothing, and during a transaction leaves nothing of it', () => {
  expect(() =>
    inProcess(`
      const d = writers.write('d');
      d.exec('CREATE TABLE t (a)');
      d.transaction(() => d.run('INSERT INTO t VALUES (1)'));
      d.transaction(() => { d.run('INSERT INTO t VALUES (2)'); process.kill(process.pid, 'SIGKILL'); for (;;); });`),
  ).toThrow();
  expect(inProcess(`console.log(JSON.stringify(readers.read('d').all('SELECT a FROM t')));`)).toEqual([[1]]);
});
