import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { POLICY_PASTS_MAX } from '../../../src/base/limits.ts';
import { EVERYTHING } from '../../../src/policy/moment.ts';
import { CommandNodes, type CommandNode } from '../../support/command-node.ts';
import { faultOf } from '../../support/operator-command-node.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

let node: CommandNode;
let before: string;
let id: string;
beforeAll(async () => {
  node = await nodes.add();
  await node.run('blockchain insert where policy = {"pump": {"name": "p1", "state": "on", "at": {"hall": 1}}}');
  await node.run('blockchain insert where policy = {"valve": {"name": "v1"}}');
  id = await node.text('blockchain get pump bring [*][id]');
  before = await node.text('get frontier');
  await node.run(`blockchain update where id = ${id} and policy = {"pump": {"state": "off", "at": {"hall": 2}}}`);
  await node.run('blockchain delete policy where id = blockchain get valve bring [*][id]');
  await node.run('blockchain insert where policy = {"valve": {"name": "v2"}}');
});

interface AsOf {
  readonly asOf: {
    readonly root: string;
    readonly entries: number;
    readonly policies: number;
    readonly cameLater: number;
  };
  readonly result: readonly unknown[];
}

describe('blockchain get … as of', () => {
  it('gives the policies of a frontier, with where and bring, and says what it is', async () => {
    expect(before).toMatch(/^[0-9a-f]{64}$/);
    const text = await node.text(`blockchain get pump bring [*][state] as of ${before}`);
    expect(text).toMatch(/^As of a frontier of 1 head: 2 policies of 3 entries; state root [0-9a-f]{64}\non$/);
    const json = (await node.json(`blockchain get * where name = v1 as of "${before}"`)) as AsOf;
    expect(json).toMatchObject({ asOf: { moment: before, entries: 3, policies: 2, cameLater: null } });
    expect(json.result).toMatchObject([{ valve: { name: 'v1' } }]);
    expect(JSON.stringify(json.result)).not.toContain('ledger');
    expect(JSON.parse(await node.text(`blockchain get valve as of ${before} where format = json`))).toEqual(
      await node.json(`blockchain get valve as of ${before}`),
    );
    for (const where of ['where name = v1 and format = json', 'where format = json'])
      expect(JSON.parse(await node.text(`blockchain get valve ${where} as of ${before}`)), where).toEqual(
        await node.json(`blockchain get valve as of ${before}`),
      );
  });

  it('takes the frontier out of a variable, and a table from bring', async () => {
    await node.run('then = get frontier');
    const text = await node.text('blockchain get valve bring.table [*][name] as of !then');
    expect(text).toMatch(/^\nAs of a frontier[^\n]*\nName/);
    expect(text).toContain('v2');
  });

  it('gives the policies of a time, and how many entries came later', async () => {
    const first = await node.json('blockchain get * as of "2020-01-01T00:00:00Z"');
    expect(first).toMatchObject({ asOf: { moment: '2020-01-01T00:00:00.000000Z', entries: 0 }, result: [] });
    const [insert] = (await node.json(`blockchain history where id = ${id}`)) as readonly { date: string }[];
    const then = (await node.json(`blockchain get pump as of "${insert!.date}"`)) as AsOf;
    expect(then).toMatchObject({ asOf: { moment: insert!.date }, result: [{ pump: { state: 'on' } }] });
    expect(await node.text('blockchain get pump bring [*][state] as of +1h')).toMatch(
      /0 of the entries came here later and may have been unknown then\noff$/,
    );
  });

  it('says of a date that it is before the first entry, or to come', async () => {
    const [, first] = /before the first entry \(([^)]*)\)/.exec(await node.text('blockchain get * as of -3m')) ?? [];
    expect(await node.text(`blockchain get * as of "${first}"`)).toMatch(/^As of [^ ,]*: 0 policies of 1 entry;/);
    const past = { remark: `before the first entry (${first})`, entries: 0 };
    expect(await node.json('blockchain get * as of -3m')).toMatchObject({ asOf: past, result: [] });
    expect(await node.text('blockchain get * as of +1h')).toMatch(/^As of [^ ,]*, a date to come: \d+ policies of/);
    expect(await node.text('blockchain diff -3m +1h')).toMatch(
      /From: [^\n]*, before the first entry [^\n]*\nTo: [^\n]*, a date to come: /,
    );
    for (const known of [before, 'now'])
      expect(((await node.json(`blockchain get * as of ${known}`)) as AsOf).asOf).not.toHaveProperty('remark');
  });

  it('blockchain read shows the same without anmp', async () => {
    await node.run(`blockchain insert where policy = {"anmp": {"${id}": {"note": "laid over"}}}`);
    const now = await node.text('get frontier');
    expect(await node.text(`blockchain get pump as of ${now}`)).toContain('laid over');
    expect(await node.text(`blockchain read pump as of ${now}`)).not.toContain('laid over');
    expect(await node.text(`blockchain get pump as of ${before}`)).not.toContain('laid over');
  });

  it('names the entries that are not here, and what is no moment', async () => {
    const unknown = 'ab'.repeat(32);
    const failure = await faultOf(node, `blockchain get * as of ${before}+${unknown}`);
    expect(failure).toMatchObject({ code: 'POLICY_FRONTIER_UNKNOWN', data: { missing: [unknown] } });
    expect(failure.message).toContain(unknown);
    expect(await faultOf(node, 'blockchain get * as of yesterday')).toMatchObject({ code: 'COMMAND_DATE' });
    expect(await faultOf(node, 'blockchain get * as of')).toMatchObject({ code: 'POLICY_GET_SYNTAX' });
  });

  it('answers a bounded number of such questions at once', async () => {
    const asked = Array.from({ length: POLICY_PASTS_MAX + 1 }, () => node.policies.past(EVERYTHING));
    const refused = (await Promise.allSettled(asked)).filter(({ status }) => status === 'rejected');
    expect(refused).toMatchObject([{ reason: { code: 'POLICY_PAST_BUSY' } }]);
    await node.policies.past(EVERYTHING);
  });
});

describe('get frontier', () => {
  it('tells in JSON whose the heads are', async () =>
    expect(await node.json('get frontier')).toMatchObject({
      frontier: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      heads: [{ author: node.ledger.author, seq: node.ledger.size }],
    }));
});

describe('blockchain history and blame', () => {
  it('by id, or by type and a name', async () => {
    const byId = await node.json(`blockchain history where id = ${id}`);
    expect(byId).toMatchObject([
      { op: 'insert', id, effect: 'superseded' },
      { op: 'update', effect: 'in-force' },
    ]);
    expect(await node.json('blockchain history where type = pump and name = p1')).toEqual(byId);
    const text = await node.text(`blockchain history where id = ${id}`);
    expect(text).toContain('state: "on" to "off"');
    const [insert, update] = byId as readonly { entry: string }[];
    // The first version names what came instead of it.
    expect(text.split('\n').find((line) => line.includes('superseded'))).toContain(update!.entry);
    expect(text).toContain(insert!.entry);
    expect(await faultOf(node, 'blockchain history where type = pump and name = p9')).toMatchObject({
      code: 'POLICY_UNKNOWN',
    });
    expect(await faultOf(node, 'blockchain history where type = pump')).toMatchObject({
      code: 'COMMAND_OPTION_MISSING',
    });
  });

  it('blame: the entry of each value, nested ones too', async () => {
    const [insert, update] = (await node.json(`blockchain history where id = ${id}`)) as readonly { entry: string }[];
    const lines = (await node.json('blockchain blame where type = pump and name = p1')) as readonly {
      attribute: string;
      entry: string;
    }[];
    expect(Object.fromEntries(lines.map(({ attribute, entry }) => [attribute, entry]))).toMatchObject({
      '[name]': insert!.entry,
      '[state]': update!.entry,
      '[at][hall]': update!.entry,
    });
    expect(await node.text(`blockchain blame where id = ${id}`)).toMatch(/\[at\]\[hall\] *\|2 *\|/);
    expect(await faultOf(node, 'blockchain blame where type = valve and name = v1')).toMatchObject({
      code: 'POLICY_UNKNOWN',
    });
  });
});

describe('blockchain diff', () => {
  it('between two moments: added, removed, changed attribute by attribute', async () => {
    const now = await node.text('get frontier');
    const json = await node.json(`blockchain diff "${before}" ${now}`);
    expect(json).toMatchObject({
      from: { moment: before },
      to: { moment: now },
      added: expect.arrayContaining([{ valve: expect.objectContaining({ name: 'v2' }) as unknown }]) as unknown,
      removed: [{ valve: { name: 'v1' } }],
      changed: [
        {
          type: 'pump',
          id,
          changes: [
            { attribute: 'at', before: { hall: 1 }, after: { hall: 2 } },
            { attribute: 'state', before: 'on', after: 'off' },
          ],
        },
      ],
    });
    const text = await node.text(`blockchain diff ${before} now`);
    expect(text).toMatch(/From: As of a frontier.*\nTo: As of \d{4}-/);
    expect(text).toContain('state: "on" to "off"');
  });
});

describe('blockchain log', () => {
  it('newest first, filtered, page by page', async () => {
    interface Page {
      readonly entries: readonly {
        readonly op: string;
        readonly seq: number;
        readonly id?: string;
        readonly type?: string;
      }[];
      readonly cursor: string | null;
    }
    const all = (await node.json('blockchain log')) as Page;
    expect(all.entries.map(({ seq }) => seq)).toEqual([...all.entries.keys()].map((at) => node.ledger.size - at));
    const first = (await node.json('blockchain log where limit = 2')) as Page;
    const second = (await node.json(`blockchain log where limit = 1000 and cursor = ${first.cursor ?? ''}`)) as Page;
    expect([...first.entries, ...second.entries]).toEqual(all.entries);
    expect(second.cursor).toBeNull();
    const pumps = (await node.json('blockchain log where type = pump')) as Page;
    expect(pumps.entries.map(({ op }) => op)).toEqual(['update', 'insert']);
    expect(await node.json(`blockchain log where id = ${id}`)).toEqual(pumps);
    expect(await node.json(`blockchain log where author = ${node.ledger.author.slice(0, 12)}`)).toEqual(all);
    expect(await node.json('blockchain log where to = -1d')).toEqual({ entries: [], cursor: null });
    expect(await node.json('blockchain log where from = -1d')).toEqual(all);
    expect(await node.text('blockchain log where limit = 1')).toMatch(/^\nolder ones: add cursor = [0-9a-f]{64}\nDate/);
  });

  it('refuses an author and a cursor that are not there', async () => {
    for (const where of ['author = nobody', 'author = 0000000000000000', 'cursor = abc'])
      expect(await faultOf(node, `blockchain log where ${where}`)).toMatchObject({ code: 'COMMAND_VALUE' });
  });
});

describe('blockchain conflicts', () => {
  it('lists what lost, with the rule and the holder', async () => {
    expect(await node.json('blockchain conflicts')).toEqual({ count: 0, conflicts: [] });
    const other = await nodes.add({ name: 'node-2' });
    await nodes.settled();
    const insert = (name: string): string =>
      `blockchain insert where policy = {"lamp": {"id": "lamp", "name": "${name}"}}`;
    await Promise.allSettled([node.run(insert('one')), other.run(insert('two'))]);
    await nodes.settled();
    const here = await node.json('blockchain conflicts where rule = id-taken');
    expect(here).toMatchObject({
      count: 1,
      conflicts: [{ rule: 'id-taken', type: 'lamp', id: 'lamp', holder: 'lamp' }],
    });
    expect(await node.text('blockchain conflicts where type = lamp')).toMatch(/^\n1 conflict\n.*id-taken/s);
    expect(await node.json('blockchain conflicts where type = pump')).toEqual({ count: 0, conflicts: [] });
  });
});

describe('blockchain snapshot', () => {
  it('says what it would settle, settles it, and is listed', async () => {
    expect(await node.json('get snapshots')).toMatchObject({ settled: 0, snapshots: [] });
    const held = ((await node.json('get frontier')) as { readonly entries: number }).entries;
    const dry = await node.json('blockchain snapshot where dryrun = true');
    expect(dry).toMatchObject({ entries: held, fresh: held, ended: [] });
    expect(await node.text('get snapshots')).toContain(`settled: 0 of ${held} entries`);
    expect(await node.text('blockchain snapshot')).toMatch(/^snapshot [0-9a-f]{64}: in force\nit covers/);
    const { root } = dry as { readonly root: string };
    expect(await node.json('get snapshots')).toMatchObject({
      settled: held,
      snapshots: [{ root, effect: 'in-force' }],
    });
    expect(await faultOf(node, 'blockchain snapshot where dry = true')).toMatchObject({
      code: 'POLICY_SNAPSHOT_NOTHING',
      message: expect.stringMatching(/^everything is settled already/) as string,
    });
    const [, other] = nodes.nodes;
    expect(await faultOf(other!, 'blockchain snapshot')).toMatchObject({ code: 'POLICY_SNAPSHOT_NOT_ROOT' });
  });
});

describe('the table of commands', () => {
  it('knows them: help, completion', async () => {
    for (const command of [
      'blockchain blame',
      'blockchain conflicts',
      'blockchain diff',
      'blockchain log',
      'get frontier',
    ])
      expect(await node.text(`help ${command}`)).toContain(command);
  });
});
