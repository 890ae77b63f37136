import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { holdfast } from '../support/executable.ts';
import { followHowTo, HOW_TO_TOOLS } from '../support/how-to.ts';
import { NetworkFixture } from '../support/network-fixture.ts';

let network: NetworkFixture;
let node: NodeProcess;
let bundle: string;

beforeAll(async () => {
  network = await NetworkFixture.create();
  node = await NodeProcess.start({ dir: join(network.dir, 'a'), name: 'a', args: ['--network', 'bundle'] });
  network.nodes.set('a', node);
  const { id } = await insertPolicy(node, 'pump', { name: 'p1', state: 'on' });
  await node.run(`blockchain update where id = ${id} and policy = {"pump": {"state": "off"}}`);
  await node.run('create invite where role = member and type = query');
  bundle = join(network.dir, 'bundle.tar');
});
afterAll(() => network.close());

test('a running node exports a bundle, which is checked without it', async () => {
  const exported = await holdfast(['audit', 'export', '--dir', node.options.dir, '--out', bundle]);
  expect(exported).toMatchObject({ status: 0, stderr: '' });
  expect(exported.stdout).toContain(bundle);
  const again = await holdfast(['audit', 'export', '--dir', node.options.dir, '--out', bundle]);
  expect(again).toMatchObject({ status: 1, stdout: '' });
  const sound = await holdfast(['audit', 'verify', bundle, '--root', node.facts.peer, '--json']);
  expect(sound.status).toBe(0);
  expect(JSON.parse(sound.stdout)).toMatchObject({ sound: true, checked: { entries: 4, policies: 1 } });
  expect(await holdfast(['audit', 'verify', bundle, '--root', 'f'.repeat(64)])).toMatchObject({ status: 1 });
});

test('what was changed in it is named', async () => {
  const bytes = readFileSync(bundle);
  const at = bytes.indexOf('"state":"off"');
  bytes.write('"state":"0ff"', at);
  const changed = join(network.dir, 'changed.tar');
  writeFileSync(changed, bytes);
  const refused = await holdfast(['audit', 'verify', changed]);
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain('hint');
});

test.skipIf(!HOW_TO_TOOLS)('its HOWTO needs sha256sum and openssl alone (skipped where one of them is missing)', () => {
  const dir = join(network.dir, 'unpacked');
  mkdirSync(dir);
  const steps = followHowTo(bundle, dir).map(({ said }) => said);
  const [manifest = '', keys, signature, ...lists] = steps;
  expect(manifest.match(/: OK$/gm)?.length).toBeGreaterThanOrEqual(15);
  expect(keys).toBe('');
  expect(signature).toContain('Success');
  expect(readdirSync(join(dir, 'entries')).filter((name) => name.endsWith('.json'))).toHaveLength(4);
  // Whose name is wrong, whose signature does not hold, whose content; the first entry.
  expect(lists.slice(0, 3)).toEqual(['', '', '']);
  const first = lists.find((said) => said.includes('entries/1.'));
  expect(first).toMatch(new RegExp(`^${node.facts.network ?? ''} {2}entries/1\\.[0-9a-f]{64}\\.json\n$`));
});

test('a question that has no answer leaves no file behind', async () => {
  const out = join(network.dir, 'none.tar');
  const refused = await holdfast(['audit', 'export', '--dir', node.options.dir, '--out', out, '--as-of', 'nonsense']);
  expect(refused.status).toBe(1);
  expect(readdirSync(network.dir)).not.toContain('none.tar');
});
