import { afterAll, expect, test } from 'vitest';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { CommandNodes } from '../../support/command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

test('an operator that was moved to another cluster names the files of the former one that it holds', async () => {
  const node = await nodes.add({ address: '10.0.0.1:32148', name: 'op1' });
  for (const cluster of ['plant-1', 'plant-2'])
    await node.run(`blockchain insert where policy = {"cluster": {"company": "c", "name": "${cluster}"}}`);
  await node.run('cid = blockchain get cluster where name = plant-1 bring.first [*][id]');
  await node.run('other = blockchain get cluster where name = plant-2 bring.first [*][id]');
  for (const at of [1, 2])
    await node.run(
      `blockchain insert where policy = {"operator": {"company": "c", "name": "op${at}", "ip": "10.0.0.${at}", "port": 32148, "cluster": !cid}}`,
    );
  await nodes.settled();
  await node.run('run operator');
  const peer = (await node.text('blockchain get operator where name = op2 bring [*][id]')).trim();
  await node.parts.operator?.store.store([1, 2].map((file) => copyOf(peer, file, rowsText(file * 10, 2))));
  const faults = async (): Promise<unknown> =>
    ((await node.json('get status where format = json')) as { readonly faults: readonly object[] }).faults;
  const cause = expect.stringMatching(/^2 files of op2, an operator of the cluster plant-1, are held here/) as string;
  const expected = expect.arrayContaining([
    expect.objectContaining({ code: 'FILES_OF_OTHER_CLUSTER', cause }),
  ]) as unknown;
  expect(await faults()).not.toEqual(expected);
  await node.run('oid = blockchain get operator where name = op1 bring [*][id]');
  await node.run('blockchain update where id = !oid and policy = {"operator": {"cluster": !other}}');
  await nodes.settled();
  expect(await faults()).toEqual(expected);
});
