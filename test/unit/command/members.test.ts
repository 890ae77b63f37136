import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CommandNode, CommandNodes } from '../../support/command-node.ts';

describe('get members', () => {
  let nodes: CommandNodes;
  let node: CommandNode;
  beforeEach(async () => {
    nodes = new CommandNodes();
    node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  });
  afterEach(() => nodes.close());

  test('lists whom an open network has shut out', async () => {
    const other = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await other.run('blockchain insert where policy = {"site": {"name": "s"}}');
    await nodes.settled();
    expect(await node.json('get members')).toMatchObject({ admission: 'open', excluded: [] });
    const key = other.ledger.author;
    await node.run(`revoke member where key = ${key} and reason = stolen`);
    expect(await node.json('get members')).toMatchObject({
      members: [],
      excluded: [{ key, from: 2, by: node.ledger.author, reason: 'stolen' }],
    });
    expect(await node.text('get members')).toMatch(new RegExp(`${key}.*revoked from entry 2 on: stolen`));
  });
});
