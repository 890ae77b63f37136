import { beforeEach, describe, expect, it } from 'vitest';
import { COMMANDS_FROM_PEER_MAX, DICTIONARY_CHARS_MAX, SESSION_CHARS_MAX } from '../../../src/base/limits.ts';
import { createSession } from '../../../src/command/executor.ts';
import { readProgram } from '../../../src/command/grammar/program.ts';
import { splitScript } from '../../../src/command/grammar/script.ts';
import { parseDestination } from '../../../src/command/remote/destination.ts';
import { atOnce, type Sliced } from '../../../src/base/slices.ts';
import { Variables } from '../../../src/command/variables.ts';
import { asFault } from '../../../src/base/errors.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';
import { waitFor } from '../../support/wait.ts';

const codeOf = (caught: unknown): string => asFault(caught).code;
const NO_LOOKUP = { variable: () => undefined, environment: () => undefined };

let nodes: CommandNodes;
let node: CommandNode;
beforeEach(async () => {
  nodes = commandNodes();
  node = await nodes.add({ address: '10.0.0.1:7848', name: 'a' });
});

describe('what variables hold', () => {
  it('is bounded together, and what was removed or replaced counts no more', () => {
    const variables = new Variables('it', 100);
    variables.set('a', 'x'.repeat(60));
    variables.set('b', ['x'.repeat(30)]);
    expect(() => variables.set('c', 'x')).not.toThrow();
    expect(() => variables.set('d', 'x'.repeat(9))).toThrow(/it holds 100 characters/);
    expect(() => variables.set('a', 'x'.repeat(70))).toThrow(/100 characters/);
    expect(variables.get('a')).toHaveLength(60);
    variables.set('a', '');
    variables.set('d', 'x'.repeat(50));
    expect(() => variables.set('e', 'x'.repeat(50))).toThrow(/100 characters/);
    variables.delete('d');
    variables.delete('d');
    variables.set('e', 'x'.repeat(50));
    expect(() => variables.set('f', 'x'.repeat(50))).toThrow(/100 characters/);
    expect([...variables].map(([name]) => name)).toEqual(['a', 'b', 'c', 'e']);
  });

  it('one user cannot fill the memory of the node by assignments', async () => {
    const value = 'x'.repeat(250_000);
    const most = Math.floor(DICTIONARY_CHARS_MAX / value.length);
    for (let count = 0; count < most; count += 1) await node.run(`v${count} = "${value}"`, request());
    await expect(node.run(`more = "${value}"`, request())).rejects.toMatchObject({ code: 'COMMAND_DICTIONARY_FULL' });
    await node.run('v0 = ""', request());
    await node.run(`more = "${value}"`, request());
  });

  it('nor those of one request', async () => {
    const own = createSession({ isolated: true, caller: 'peer' });
    const value = 'x'.repeat(250_000);
    const most = Math.floor(SESSION_CHARS_MAX / value.length);
    for (let count = 0; count < most; count += 1) own.scope?.set(`v${count}`, value);
    expect(() => own.scope?.set('more', value)).toThrow(/request/);
  });
});
const request = () =>
  createSession({ isolated: true, caller: 'rest', person: { by: 'user', name: 'ann', admin: false } });

describe('what is read at once', () => {
  const slices = (work: Sliced<unknown>): number => {
    let count = 1;
    while (work.next().done !== true) count += 1;
    return count;
  };

  it('of a long script is cut in slices', () => {
    const script = 'x = 1\n'.repeat(170_000);
    expect(slices(splitScript(script))).toBeGreaterThan(30);
    expect(slices(readProgram(atOnce(splitScript(script.slice(0, 60_000)))))).toBeGreaterThan(10);
    expect(atOnce(splitScript('\uFEFFa\r\n\n# no\n<b\r\nc>\nd\r'))).toEqual([
      { text: 'a', line: 1 },
      { text: '<b\nc>', line: 4 },
      { text: 'd', line: 6 },
    ]);
  });

  it('of the settings of a destination is two, and a third is told', async () => {
    for (const wrong of ['subset = true, subset = true', 'timeout = 5, subset = true, timeout = 5'])
      expect(() => parseDestination(`1.1.1.1:1, ${wrong}`, NO_LOOKUP)).toThrow(/stands twice/);
    const many = `a${', subset = true'.repeat(16_000)}`;
    expect(() => parseDestination(many, NO_LOOKUP)).toThrow(/stands twice/);
    await expect(node.run(`run client (${many})`)).rejects.toMatchObject({ code: 'COMMAND_DESTINATION' });
    expect(parseDestination(' timeout = 2 minutes , subset = TRUE ', NO_LOOKUP)).toEqual({
      ...{ to: { kind: 'network' }, subset: true, timeoutMs: 120_000 },
    });
  });

  it('where a shell stands is asked for as the command is', async () => {
    const permissions = await node.json(
      'blockchain insert where policy = {"permissions": {"id": "p", "name": "p", "enable": ["get"]}}',
    );
    expect(permissions).toBeDefined();
    const session = createSession({
      ...{ caller: 'rest', person: { by: 'user', name: 'ann', admin: false, permissions: 'p' } },
    });
    await expect(node.run('run client (10.0.0.1:7848)', session)).rejects.toMatchObject({ code: 'ACCESS_REFUSED' });
  });

  it('of an unknown command are its first words, as long as words are', async () => {
    const refused = (text: string) => node.run(text).catch((caught: unknown) => caught);
    expect(await refused(`get sttus ${'x'.repeat(200_000)}`)).toMatchObject({
      hint: expect.stringMatching(/^Maybe: .*get status/) as string,
    });
    expect(await refused(`x'x'${'x'.repeat(230_000)}`)).toMatchObject({ code: 'COMMAND_UNKNOWN' });
  });
});

it('what another node sends and is no command takes its place and its time as well', async () => {
  const b = await nodes.add({ address: '10.0.0.2:7848', name: 'b' });
  await b.run(
    'blockchain insert where policy = {"query": {"company": "c", "name": "b", "ip": "10.0.0.2", "port": 7848}}',
  );
  await nodes.settled();
  const waiting = Array.from({ length: COMMANDS_FROM_PEER_MAX }, () =>
    b
      .run('run client (10.0.0.1:7848) blockchain wait where command = "blockchain get nothing" and timeout = 10')
      .catch(() => {}),
  );
  const codeOfNext = () => b.run('run client (10.0.0.1:7848) nonsense').catch(codeOf);
  await waitFor(async () => (await codeOfNext()) === 'COMMAND_REMOTE_BUSY');
  await nodes.close();
  await Promise.all(waiting);
});
