import { afterEach, beforeEach, expect, test } from 'vitest';
import { PUSH_FILES_IN_FLIGHT } from '../../src/base/limits.ts';
import { NetworkFixture, sensorRows } from '../support/network-fixture.ts';
import { waitFor } from '../support/wait.ts';

let network: NetworkFixture;
const [DBMS, COUNT] = ['plant', 'select count(*) from readings'];

beforeEach(async () => {
  network = await NetworkFixture.create();
  await network.start('op1', 'op2', 'op3', 'query');
  await network.cluster('cluster1', 'op1', 'op2', 'op3');
  await network.node('op1').put(DBMS, 'readings', sensorRows(0, 300));
  for (const name of ['op1', 'op2', 'op3'])
    await waitFor(async () => (await network.localNumber(name, DBMS, COUNT)) === 300, { timeoutMs: 20_000 });
}, 60_000);
afterEach(async () => {
  network.node('op1').signal('SIGCONT');
  await network.close();
}, 30_000);

test('an operator that is stopped in its tracks (SIGSTOP) is overtaken: each answer is right, and comes within a second', async () => {
  // Whoever is asked first takes turns, so one of three in a row begins with op1.
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

test('an operator that is stopped in its tracks holds up no other: what is written goes on to the rest, which name it', async () => {
  network.node('op1').signal('SIGSTOP');
  // More than is under way to one peer at a time.
  const files = PUSH_FILES_IN_FLIGHT + 10;
  for (let file = 0; file < files; file += 1)
    await network.node('op2').put(DBMS, 'readings', sensorRows(300 + file, 1));
  await waitFor(async () => (await network.localNumber('op3', DBMS, COUNT)) === 300 + files);
  for (const name of ['op2', 'op3'])
    await waitFor(async () => /Fault \w+: op1 /.test(await network.node(name).run('get status')));
  network.node('op1').signal('SIGCONT');
  await waitFor(async () => (await network.localNumber('op1', DBMS, COUNT)) === 300 + files);
  await waitFor(async () => !/Fault/.test(await network.node('op2').run('get status')));
}, 90_000);
