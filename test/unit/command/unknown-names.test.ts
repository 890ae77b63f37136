import { afterAll, beforeAll, expect, it } from 'vitest';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
let id: string;
beforeAll(async () => {
  node = await nodes.add();
  await node.run('blockchain insert where policy = {"pump": {"name": "p1", "at": [{"hall": 1, "row": 2}]}}');
  await node.run('blockchain insert where policy = {"valve": {"name": "v1", "state": "on"}}');
  id = await node.text('blockchain get pump bring [*][id]');
});

const noteOf = async (command: string): Promise<string | undefined> => (await node.run(command)).note?.text;

it('a type or an attribute that no policy has is noted beside the empty answer, with what is close to it', async () => {
  expect(await node.run('blockchain get operatr')).toMatchObject({
    text: '[]',
    note: { code: 'POLICY_NAME_UNKNOWN', text: 'no policy of the type operatr; did you mean operator?' },
  });
  for (const [query, text] of [
    ['pmup where name = x', 'no policy of the type pmup; did you mean pump?'],
    ['xylophone', 'no policy of the type xylophone'],
    ['pump where nmae = x', 'no policy of the type pump has the attribute nmae; did you mean name?'],
    [
      '(pump, valve) where [*][nmae] = x',
      'no policy of the types pump, valve has the attribute nmae; did you mean name?',
    ],
    ['* where nmae != x or name = p1', 'no policy has the attribute nmae; did you mean name?'],
    ['pump where state = on', 'no policy of the type pump has the attribute state'],
    [
      'pump where at[hal] = 1 and at[row] = 2',
      'no policy of the type pump has the attribute at.hal; did you mean hall?',
    ],
    ['pump bring [*][nmae]', 'no policy of the type pump has the attribute nmae; did you mean name?'],
    ['pump where nmae = x as of -1s', 'no policy of the type pump has the attribute nmae; did you mean name?'],
    ['pump join (blockchain get vlave) bring [pump][name]', 'no policy of the type vlave; did you mean valve?'],
  ] as const)
    expect(await noteOf(`blockchain get ${query.replace('-1s', await node.text('get frontier'))}`), query).toBe(text);
  expect(await noteOf('found = blockchain read pmup')).toContain('pump');
});

it('what some policy has, what is built in, and what is asked by its id gets no note', async () => {
  for (const query of [
    'operator',
    'operator where ip = 10.0.0.1 bring [*][id]',
    'pump where name = nobody',
    'pump where at[hall] = 7 and at[row] = 8',
    'pump where ledger = global',
    'pump where [pump][name] = x',
    'pump where nmae not declared',
    'pump bring.table [*][name] [*][city]',
    `* where id = ${id} bring [*][nmae]`,
    '* where id = 00',
  ])
    expect(await noteOf(`blockchain get ${query}`), query).toBeUndefined();
});

it('a policy of a new type that is close to a known one is written, and the slip is noted beside it', async () => {
  for (const [type, meant] of [
    ['operater', 'operator'],
    ['clusetr', 'cluster'],
    ['pumps', 'pump'],
  ] as const) {
    const { note } = await node.run(`blockchain insert where policy = {"${type}": {"name": "x"}}`);
    const newId = await node.text(`blockchain get ${type} bring [*][id]`);
    expect(note).toEqual({
      code: 'POLICY_NAME_UNKNOWN',
      text: `${type} is a new type of policy; did you mean ${meant}? To take it back: blockchain delete policy where id = ${newId}`,
    });
    await node.run(`blockchain delete policy where id = ${newId}`);
  }
  for (const type of ['compressor', 'pump'])
    expect((await node.run(`blockchain insert where policy = {"${type}": {"name": "y"}}`)).note, type).toBeUndefined();
});
