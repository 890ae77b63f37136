import { afterAll, beforeAll, expect, it } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { noteOnTable, withNearTable } from '../../../src/command/near-tables.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { addOperatorNode } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
beforeAll(async () => {
  node = await addOperatorNode(nodes);
});

const told = (mayReach = true) => ({ context: node.context, mayReach: () => mayReach });

it('a query of a table that is not there is hinted at the one that may be meant, where the caller may know of it', () => {
  const error = fault('QUERY_TABLE_UNKNOWN', 'no', {
    hint: 'old',
    data: { dbms: 'litsanleandro', table: 'pign_sensor' },
  });
  expect(withNearTable(error, told())).toMatchObject({
    code: 'QUERY_TABLE_UNKNOWN',
    hint: 'Maybe: litsanleandro.ping_sensor',
  });
  expect(withNearTable(error, told(false))).toBe(error);
  const other = fault('SQL_SYNTAX', 'no', { data: { dbms: 'litsanleandro', table: 'pign_sensor' } });
  expect(withNearTable(other, told())).toBe(other);
});

it('a list that is empty for a name that no table has says so beside it', async () => {
  const noteOf = async (command: string): Promise<string | undefined> => (await node.run(command)).note?.text;
  for (const command of ['get data nodes', 'get virtual tables', 'blockchain query metadata', 'get rows count']) {
    const text = await noteOf(`${command} where dbms = litsanleandro and table = pign_sensor`);
    expect(text, command).toBe(
      'no policy is of a table litsanleandro.pign_sensor; did you mean litsanleandro.ping_sensor?',
    );
    expect(await noteOf(`${command} where dbms = LitSanLeandro and table = ping_sensor`), command).toBeUndefined();
    expect(await noteOf(command), command).toBeUndefined();
  }
  expect(await noteOf('get data nodes where table = pign_sensor')).toMatch(
    /a table pign_sensor; did you mean ping_sensor/,
  );
  expect(await noteOf('get data nodes where dbms = xyz')).toBe('no policy is of a table of the database xyz');
  expect(noteOnTable(told(false), { dbms: undefined, table: 'pign_sensor' })?.text).not.toContain('ping');
});
