import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorNumber } from '../../../src/command/error-numbers.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { addOperatorNode, COMPANY, faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
beforeAll(async () => {
  node = await addOperatorNode(nodes);
});

it('of a table whose database is missing it is said that this is missing too, and what makes it', async () => {
  for (const line of ['get columns where dbms = nosuch and table = t', 'drop table t where dbms = nosuch'])
    expect((await faultOf(node, line)).hint).toMatch(/no database nosuch either.*connect dbms nosuch/);
  const beside = 'get columns where dbms = litsanleandro and table = nosuch';
  expect((await faultOf(node, beside)).hint).toBe('see: get tables where dbms = litsanleandro');
  expect((await faultOf(node, 'get tables where dbms = nosuch')).hint).toMatch(
    /connect dbms nosuch where type = sqlite/,
  );
});

it.each([
  ['get rows count where dbms = plant table = t', "expected 'and' before table"],
  ['get tables where dbms = plant, format = json', "expected 'and' before format"],
  ['id add user where name = ann password = SECRET-WORDS', "expected 'and' before password"],
  ['run client (127.0.0.1) get status', 'write: (127.0.0.1:PORT)'],
  ['run client sql plant "select 1"', /name nodes: run client \(IP:PORT/],
  ['run client () sql "select 1"', /^usage: sql DBMS/],
  ['test network cluster', /of clusters: test network clusters$/],
  ['query status al', /a number, or all/],
  ['drop dbms plant', 'see those that begin so: help drop'],
  ['exit', 'see those that begin so: help exit'],
])('%s: the hint says what is missing', async (line, hint) => {
  expect((await faultOf(node, line)).hint).toEqual(typeof hint === 'string' ? hint : expect.stringMatching(hint));
});

describe('wrong input gives the documented number', () => {
  it.each<readonly [number, string]>([
    [1, 'get databses'],
    [1, 'no such command'],
    [237, 'get node'],
    [2, 'get status now'],
    [2, 'get data nodes where dbms'],
    [2, 'get data nodes where nosuch = 3'],
    [2, 'get data nodes where dbms = a and dbms = b'],
    [2, 'get columns where dbms = a'],
    [2, 'get data nodes where'],
    [2, 'blockchain insert where local = true'],
    [2, 'blockchain insert where policy = {"a": {}} and local = false'],
    [2, 'blockchain get'],
    [2, 'blockchain get cluster bring'],
    [2, 'echo "open'],
    [2, '<get status'],
    [2, 'sql lsl_demo'],
    [2, 'set policy x = 3'],
    [6, 'blockchain insert where policy = {"cluster": {"name": }}'],
    [6, 'blockchain insert where policy = !nosuch'],
    [6, 'policy = {bad}'],
    [5, 'disconnect dbms nosuch'],
    [12, 'process /no/such/file'],
    [20, 'run client () get status'],
    [20, 'run client (not-an-address) get status'.replace('not-an-address', '1.2.3.4:99999')],
    [23, 'query status 77'],
    [33, 'set buffer threshold where dbms = a'],
    [45, 'create table nosuch where dbms = lsl_demo'],
    [87, 'blockchain insert where policy = {"a": {}, "b": {}}'],
    [87, 'blockchain insert where policy = [1]'],
    [87, 'blockchain insert where policy = {"a": 3}'],
    [87, `blockchain insert where policy = {'t1': {'n': 12345678901234567890}}`],
    [113, 'blockchain delete policy where id = 00000000000000000000000000000000'],
    [113, 'blockchain history where id = 00000000000000000000000000000000'],
    [113, 'run operator where policy = 00000000000000000000000000000000'],
    [132, 'get columns where dbms = nosuch and table = nosuch'],
    [147, 'get tsd list'],
    [
      149,
      `blockchain insert where policy = {"operator": {"company": "x", "name": "y", "ip": "24.23.250.144", "port": 7848, "cluster": !cid}}`,
    ],
    [151, 'blockchain wait where id = nosuch and timeout = 0'],
    [155, 'run client (publisher) get status'],
    [161, 'get status where format = xml'],
    [73, 'run client (dbms = nosuch and table = nosuch) get status'],
    [175, 'get tsd details where start_date = yesterday'],
    [175, 'get data nodes where sort = x'],
    [175, 'set consumer mode = maybe'],
    [175, 'blockchain wait where command = "exit node"'],
    [175, 'connect dbms "../../etc"'],
    [175, 'connect dbms "a\'b"'],
    [175, 'connect dbms __proto__.x'],
    [175, 'get archived files ../../etc'],
    [175, 'get archived files 2026-99-99'],
    [175, 'get archived files 2026-02-30'],
    [175, 'get error abc'],
    [192, 'flush buffers'],
    [192, 'exit operator'],
    [192, 'run data consumer'],
    [192, 'set consumer mode = suspend'],
    [211, 'test network with publisher'],
    [216, 'blockchain insert where policy = {"site": {"__proto__": 1}}'],
    [
      222,
      `blockchain insert where policy = {"operator": {"company": "x", "name": "z", "ip": "9.9.9.9", "port": 1, "cluster": "nosuch"}}`,
    ],
    [237, 'connect dbms x where type = psql'],
    [237, 'sql x extend = (@ip) "select 1"'],
  ])('%i: %s', async (number, text) => {
    const { code } = await faultOf(node, text);
    expect({ code, number: errorNumber(code) }).toEqual({ code, number });
  });

  it('names the option and the value', async () => {
    expect(await faultOf(node, 'get data nodes where sort = x')).toMatchObject({
      message: "option sort: 'x' is not a whole number from 0 to 10",
    });
    expect(await faultOf(node, 'blockchain insert where polcy = 3')).toMatchObject({ hint: 'Maybe: policy' });
    expect(await faultOf(node, 'get status where frmat = json')).toMatchObject({ hint: 'Maybe: format' });
    expect(await faultOf(node, 'get status where zzzzzz = json')).toMatchObject({ hint: 'options: include, format' });
  });

  it('refuses a policy inserted twice, by its id', async () => {
    const { code } = await faultOf(
      node,
      `blockchain insert where policy = {"cluster": {"company": "${COMPANY}", "name": "lsl-cluster2"}}`,
    );
    expect(errorNumber(code)).toBe(70);
  });
});

it.each(['blockchain get x', 'get data nodes', 'create policy x', 'run client (1.1.1.1:1', 'sql d', 'help', 'if !x'])(
  'does not spend its time on 200,000 blanks after: %s',
  async (text) => {
    const startMs = cpuMs();
    await node.run(`${text}${' '.repeat(200_000)}x`).catch(() => undefined);
    expect(cpuMs() - startMs).toBeLessThan(2_000);
  },
);
