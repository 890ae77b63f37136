import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Entry, RawEntry } from '../../../src/entry/entry.ts';
import { type CommandNode, type CommandNodes, commandNodes } from '../../support/command-node.ts';
import { createAuthor, offerAll } from '../../support/ledger-authors.ts';
import { waitFor } from '../../support/wait.ts';

let nodes: CommandNodes;

const bare = ({ raw }: Entry): RawEntry => ({ ...raw, body: new Uint8Array() });

/**
 * Another author's table, taken in without its body on the word of a stranger's erase entry that never comes in itself.
 */
const nodeThatLacks = async (cap?: string): Promise<{ node: CommandNode; said: Entry; id: string }> => {
  nodes = commandNodes();
  const node = await nodes.add();
  const { ledger, policies } = node;
  const genesis = (await ledger.byHash(ledger.network ?? ''))!.entry;
  const [ann, eve] = [createAuthor(2, genesis), createAuthor(3, genesis)];
  const said = ann.next({ content: { dbms: 'd', name: 't', create: 'c' }, cap: cap ?? genesis.hash });
  eve.next();
  const content = { v: 1, entry: said.hash, attributes: [], removed: [], reason: 'r' };
  const erased = eve.next({ op: 'erase', cap: 'ab'.repeat(32), type: null, id: null, content });
  expect(await offerAll(ledger, [erased, bare(said)])).toContain('accept');
  await policies.caughtUp();
  return { node, said, id: said.header.id ?? '' };
};

test('an answer of a node that lacks what an entry says tells so beside it, until the body has come', async () => {
  const { node, said, id } = await nodeThatLacks();
  const text = expect.stringMatching(/^what 1 of the entries say is missing/) as string;
  const note = { code: 'ENTRY_BODY_MISSING', text };
  expect(await node.run(`blockchain get * where id = ${id}`)).toMatchObject({ note });
  expect(await node.run('blockchain get table where name = t')).toMatchObject({ text: '[]', note });
  const history = await node.run(`blockchain history where id = ${id}`);
  expect(history).toMatchObject({ note, json: [{ missing: true, changes: [], erased: undefined }] });
  expect(history.text).toContain('missing here, though nobody erased it by right');
  const past = await node.run(`blockchain get table as of ${said.hash}`);
  expect(past).toMatchObject({ note, json: { asOf: { missing: 1 } } });
  expect(past.text).toContain('what 1 of the entries say is missing here');
  expect(await node.run('blockchain audit')).toMatchObject({ note, json: { sound: false } });
  await waitFor(() => node.ledger.missedBodies().length === 1);
  await offerAll(node.ledger, [said]);
  await node.policies.caughtUp();
  for (const command of ['blockchain get table where name = t', `blockchain history where id = ${id}`])
    expect((await node.run(command)).note).toBeUndefined();
  expect(await node.run(`blockchain get table as of ${said.hash}`)).toMatchObject({ json: { asOf: { missing: 0 } } });
});

test('who keeps an answer in a variable is told all the same, in a script too', async () => {
  const { node } = await nodeThatLacks();
  const note = { code: 'ENTRY_BODY_MISSING' };
  expect(await node.run('found = blockchain get table')).toMatchObject({ text: '', note });
  expect(await node.run('if 1 = 1 then found = blockchain get table')).toMatchObject({ note });
  expect((await node.run('found = 1')).note).toBeUndefined();
  const other = await nodes.add();
  const script = `found = run client (${node.network.address}) blockchain get table\nfound = 1`;
  const { scripts } = other.context.facts.directories;
  await mkdir(scripts, { recursive: true });
  await writeFile(join(scripts, 'find.al'), script);
  expect(await other.run('process find.al')).toMatchObject({ note });
});

test('an erasure waits for the body: without it nobody could tell what is gone', async () => {
  const { node, said } = await nodeThatLacks();
  const erase = `blockchain erase where entry = ${said.hash} and reason = r`;
  await expect(node.run(erase)).rejects.toMatchObject({ code: 'ENTRY_BODY_MISSING' });
  await waitFor(() => node.ledger.missedBodies().length === 1);
  await offerAll(node.ledger, [said]);
  await node.policies.caughtUp();
  // Now it is known what a table needs.
  await expect(node.run(erase)).rejects.toMatchObject({ code: 'POLICY_ENTRY_NEEDED' });
});

test('another node says it of its answer too', async () => {
  const { node, id } = await nodeThatLacks();
  const other = await nodes.add();
  const asked = await other.run(`run client (${node.network.address}) blockchain get * where id = ${id}`);
  expect(asked.note).toMatchObject({ code: 'ENTRY_BODY_MISSING' });
  const both = `run client (${node.network.address}, ${other.network.address}) blockchain get table`;
  expect((await other.run(both)).note?.text).toMatch(new RegExp(`^${node.network.address}: what 1 of the entries say`));
  expect((await other.run('blockchain get table')).note).toBeUndefined();
});

test('an entry that has no effect whatever it says is none of it', async () => {
  const { node, id } = await nodeThatLacks('cd'.repeat(32));
  expect((await node.run('blockchain get table')).note).toBeUndefined();
  expect(await node.run(`blockchain history where id = ${id}`)).toMatchObject({ json: [{ missing: true }] });
});
