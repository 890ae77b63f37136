import { beforeEach, describe, expect, test } from 'vitest';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';

const DATE = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;

describe('get members', () => {
  let nodes: CommandNodes;
  let node: CommandNode;
  beforeEach(async () => {
    nodes = commandNodes();
    node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  });

  test('lists whom an open network has shut out', async () => {
    const other = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await other.run('blockchain insert where policy = {"site": {"name": "s"}}');
    await nodes.settled();
    expect(await node.json('get members')).toMatchObject({ admission: 'open', excluded: [] });
    const key = other.ledger.author;
    await node.run(`revoke member where key = ${key} and reason = stolen`);
    expect(await node.json('get members')).toMatchObject({
      members: [],
      excluded: [
        { key, from: 2, by: node.ledger.author, reason: 'stolen', since: expect.stringMatching(DATE) as string },
      ],
    });
    expect(await node.text('get members')).toMatch(new RegExp(`${key}.*revoked from entry 2 on: stolen`));
  });
});

describe('writes of a node whose key was revoked', () => {
  const insert = 'blockchain insert where policy = {"site": {"name": "s"}}';
  let nodes: CommandNodes;
  let node: CommandNode;
  beforeEach(async () => {
    nodes = commandNodes();
    node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  });

  test('are refused where its own ledger says so, with what to do', async () => {
    const other = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
    await other.run(insert);
    await nodes.settled();
    await node.run(`revoke member where key = ${other.ledger.author}`);
    await nodes.settled();
    for (const command of [
      'blockchain insert where policy = {"site": {"name": "t"}}',
      'create invite where role = admin',
    ])
      await expect(other.run(command)).rejects.toMatchObject({
        code: 'POLICY_NOT_AUTHORISED',
        message: expect.stringContaining("this node's key was revoked") as string,
        hint: expect.stringContaining('ask an admin for a new invite') as string,
      });
  });

  test('are warned of beside the reply where only another node says so; what only reads is not', async () => {
    const refusal = { peer: 'p', address: '10.0.0.5:1', dialled: true, code: 'JOIN_NO_INVITE', network: undefined };
    let refusals = [refusal];
    Object.assign(node.context, { refusals: () => refusals });
    expect((await node.run(insert)).note).toBeUndefined();
    refusals = [refusal, { ...refusal, code: 'JOIN_REVOKED' }];
    const text = expect.stringMatching(/revoked, says the node at 10\.0\.0\.5:1.*new invite.*new directory/) as string;
    const id = node.policies.book.ofType('site')[0]?.id;
    const update = `blockchain update where id = ${id} and policy = {"site": {"city": "x"}}`;
    expect(await node.run(update)).toMatchObject({ note: { code: 'KEY_REVOKED', text } });
    expect((await node.run(update)).note).toBeUndefined();
    expect((await node.run('blockchain get site')).note).toBeUndefined();
  });
});

test('a node whose key was revoked tells that once, by whom, and nothing that follows from it', async () => {
  const nodes = commandNodes();
  const node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  const other = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
  await other.run(
    'blockchain insert where policy = {"query": {"name": "b", "company": "C", "ip": "10.0.0.2", "port": 7848}}',
  );
  await nodes.settled();
  const refusal = { peer: other.ledger.author, address: '10.0.0.2:53350', dialled: false, network: undefined };
  const peers = () => [{ ...refusal, connected: true, behind: 0, ahead: 0, lastError: 'the channel is closed' }];
  let code = 'INTRODUCE_BUSY';
  Object.assign(node.context, {
    refusals: () => [{ ...refusal, code }],
    ledgerSync: { ...node.context.ledgerSync, peers },
  });
  const faults = async () => (await node.json('get status where format = json')) as { faults: { code: string }[] };
  expect((await faults()).faults.map((fault) => fault.code)).toContain('LEDGER_SYNC_FAILED');
  code = 'JOIN_REVOKED';
  const { faults: told } = await faults();
  expect(told.map((fault) => fault.code)).not.toContain('LEDGER_SYNC_FAILED');
  expect(told).toContainEqual(expect.objectContaining({ cause: "this node's key was revoked, says b" }));
});

test('a write by a clock that another holds for wrong has that beside its reply; what only reads has not', async () => {
  const nodes = commandNodes();
  const node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  const note = { code: 'CLOCK_OFF', text: 'compare them' };
  let count = 3;
  const doubts = () => ({ count: (count += 1), note });
  Object.assign(node.context, { doubts: () => ({ count, note }) });
  expect((await node.run('get members')).note).toBeUndefined();
  Object.assign(node.context, { doubts });
  expect((await node.run('blockchain insert where policy = {"site": {"name": "s"}}')).note).toEqual(note);
});

test('a peer that this network revoked is none that is to be reached again', async () => {
  const nodes = commandNodes();
  const node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
  const other = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
  const value = { company: 'c', name: 'qb', ip: '10.0.0.2', port: 7848, peer: other.ledger.author };
  await other.run(`blockchain insert where policy = ${JSON.stringify({ query: value })}`);
  await nodes.settled();
  const state = {
    address: other.network.address,
    key: other.ledger.author,
    connected: false,
    own: false,
    twin: false,
  };
  const dialStates = () => [{ ...state, attempts: 2, lastError: 'the connection was lost', lost: false }];
  Object.assign(node.network, { dialStates });
  expect(await node.text('get status')).toContain('PEER_UNREACHED: qb at 10.0.0.2:7848');
  const said = await node.text(`revoke member where key = ${other.ledger.author}`);
  expect(said).toContain(`revoked: what qb (${other.ledger.author}) writes`);
  expect(await node.text('get status')).not.toContain('PEER_UNREACHED');
});
