import BetterSqlite3 from 'better-sqlite3';

// As a program: runs each SQL text that it is sent on the file, and tells how many milliseconds it took.
const db = new BetterSqlite3(process.argv[2] ?? '', { readonly: true });
process.on('message', (sql: string) => {
  const start = performance.now();
  db.prepare(sql).raw().all();
  process.send?.(performance.now() - start);
});
