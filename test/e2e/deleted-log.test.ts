import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rowsText } from '../conformance/file-store.ts';
import { Operating } from '../support/operating.ts';
import { tempDir } from '../support/temp-dir.ts';
import { waitFor } from '../support/wait.ts';

const ROUNDS = 8;

test("a database's log is deleted while data flows, then the process is killed: nothing acknowledged is lost or doubled", async () => {
  const dir = tempDir();
  const sure: number[] = [];
  let next = 0;
  let operating = await Operating.start(dir);
  const put = async (): Promise<void> => {
    const from = next;
    next += 10;
    // Who is told that it failed does not know whether it is there, and comes again with the same.
    await waitFor(() =>
      operating.ask({ kind: 'put', content: rowsText(from, 10) }).then(
        () => true,
        () => false,
      ),
    );
    sure.push(...Array.from({ length: 10 }, (_, at) => from + at));
  };
  await put();
  for (let round = 0; round < ROUNDS; round += 1) {
    const busy = [put(), put(), operating.ask({ kind: 'rows' }).catch(() => {})];
    rmSync(join(dir, 'dbms', 'plant.sqlite-wal'), { force: true });
    await Promise.all(busy);
    // Taken after the log was deleted: with it all that was acknowledged before is durable.
    await put();
    if (round % 4 < 3) continue;
    await operating.kill();
    operating = await Operating.start(dir);
  }
  const rows = await waitFor(
    () => operating.ask({ kind: 'rows' }).catch(() => undefined) as Promise<number[] | undefined>,
  );
  await operating.kill();
  expect(rows.toSorted((a, b) => a - b)).toEqual(sure.toSorted((a, b) => a - b));
}, 60_000);
