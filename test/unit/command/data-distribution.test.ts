import { afterEach, expect, it } from 'vitest';
import { distributionOf } from '../../../src/command/commands/data-distribution.ts';
import { CommandNodes } from '../../support/command-node.ts';
import { addOperatorNode, faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterEach(() => nodes.close());

it('each cluster counts once, as often as whoever of it has most; who does not answer has no part', () => {
  const share = (cluster: string, rows: number | undefined) => ({
    ...{ address: '', name: '', cluster, rows, error: undefined },
  });
  const shares = [share('a', 60), share('a', 45), share('b', 20), share('b', undefined)];
  expect(distributionOf(shares)).toEqual({ total: 80, percents: [75, 56.3, 25, undefined] });
  expect(distributionOf([share('a', 0), share('a', undefined)])).toEqual({ total: 0, percents: [0, undefined] });
});

it('asks the operators of the table, and names who does not answer', async () => {
  const node = await addOperatorNode(nodes);
  const command = 'get data distribution where dbms = litsanleandro and table = ping_sensor';
  expect(await node.json(command)).toMatchObject({
    total: 0,
    nodes: [
      { address: '24.23.250.144:7858', name: 'op2', rows: null, error: expect.stringContaining('7858') as string },
      { address: '24.23.250.144:7848', type: 'operator', name: 'op1', cluster: 'lsl-cluster2', rows: 0, percent: 0 },
    ],
  });
  expect(await node.text(command)).toMatch(/\nTotal +\| +\| +\| +0\|/);
  expect(await faultOf(node, 'get data distribution where dbms = a and table = b')).toMatchObject({
    code: 'COMMAND_TABLE_NO_OPERATORS',
  });
});
