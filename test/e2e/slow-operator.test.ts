import { afterEach, beforeEach, expect, test } from 'vitest';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

let network: NetworkFixture;
const [DBMS, COUNT] = ['plant', 'select count(*) from readings'];

beforeEach(async () => {
  network = await NetworkFixture.create();
  await network.start('op1', 'op2', 'query');
  await network.cluster('cluster1', 'op1', 'op2');
  await network.node('op1').put(DBMS, 'readings', sensorRows(0, 300));
  for (const name of ['op1', 'op2'])
    await waitFor(async () => (await network.localNumber(name, DBMS, COUNT)) === 300, { timeoutMs: 20_000 });
}, 60_000);
afterEach(async () => {
  network.node('op1').signal('SIGCONT');
  await network.close();
}, 30_000);

test('an operator that is stopped in its tracks (SIGSTOP) is overtaken: each answer is right, and comes within a second', async () => {
  // Whoever is asked first takes turns, so one of two in a row begins with op1.
  expect(await network.queryNumber('query', DBMS, COUNT)).toBe(300);
  network.node('op1').signal('SIGSTOP');
  for (let query = 0; query < 6; query += 1) {
    const before = performance.now();
    expect(await network.queryNumber('query', DBMS, COUNT)).toBe(300);
    // A second is promised; the rest is what two loaded cores may add.
    expect(performance.now() - before).toBeLessThan(1_000 + 1_000);
  }
  network.node('op1').signal('SIGCONT');
  await waitFor(async () => (await network.queryNumber('op1', DBMS, COUNT)) === 300);
}, 60_000);
