import { beforeEach, expect, test } from 'vitest';
import { createAuthor } from '../../support/ledger-authors.ts';
import { type CommandNodes, commandNodes } from '../../support/command-node.ts';

let nodes: CommandNodes;
beforeEach(() => {
  nodes = commandNodes();
});

test('an audit finds the policies that follow where a snapshot ranks before what came late', async () => {
  const node = await nodes.add();
  const [genesis] = await node.ledger.follow(0, 1);
  if (genesis === undefined) throw new Error('there is no network');
  await node.run('blockchain insert where policy = {"cluster": {"company": "Acme", "name": "c"}}');
  await node.run('blockchain snapshot');
  const author = createAuthor(7, genesis.entry);
  const late = author.next({
    time: genesis.entry.header.time + 1,
    type: 'cluster',
    id: 'late',
    content: { company: 'Acme', name: 'c' },
  });
  await node.ledger.offer([late.raw], author.author);
  await node.context.policies.caughtUp();
  expect(await node.json('blockchain get cluster where name = c')).toMatchObject([{ cluster: { company: 'Acme' } }]);
  expect(await node.text('blockchain history where id = late')).toMatch(/constraint|void/i);
  expect(await node.json('blockchain audit')).toMatchObject({ sound: true, faults: 0, policiesFollow: true });
});

test('entries of each kind that have no effect are counted, not inserts alone', async () => {
  const node = await nodes.add();
  const [genesis] = await node.ledger.follow(0, 1);
  if (genesis === undefined) throw new Error('there is no network');
  const author = createAuthor(7, genesis.entry);
  const content = { a: 1 };
  const entries = [
    author.next({ op: 'update', type: null, id: 'nosuch', content }),
    author.next({ op: 'delete', type: null, id: 'nosuch', content: {} }),
  ];
  await node.ledger.offer(
    entries.map(({ raw }) => raw),
    author.author,
  );
  await node.context.policies.caughtUp();
  expect(await node.json('blockchain test')).toMatchObject({ void: entries.map(({ hash: entry }) => ({ entry })) });
  expect(await node.text('blockchain test')).toContain('2 without effect');
  expect(await node.json('blockchain audit')).toMatchObject({ sound: true, void: 2 });
  expect(await node.text('blockchain audit')).toMatch(/without effect, by the rules *\| *2\|/);
});
