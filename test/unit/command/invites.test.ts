import { beforeEach, expect, test } from 'vitest';
import { type CommandNodes, commandNodes } from '../../support/command-node.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

let nodes: CommandNodes;
beforeEach(() => {
  nodes = commandNodes();
});

test('an invite for operators says beside it that it is for any cluster, where it names none', async () => {
  const node = await nodes.add();
  const noteOf = async (of: string): Promise<string | undefined> =>
    (await node.run(`create invite where role = ${of}`)).note?.text;
  expect(await noteOf('operator')).toMatch(/in any cluster; for one alone: [ -~]* and cluster = ID$/);
  expect(await noteOf('operator and company = Acme')).toContain('any cluster of companies that begin with Acme');
  expect(await noteOf('auditor')).toBeUndefined();
  await node.run('blockchain insert where policy = {"cluster": {"company": "Acme", "name": "c"}}');
  expect(
    await noteOf(`operator and cluster = ${await node.text('blockchain get cluster bring [*][id]')}`),
  ).toBeUndefined();
});

test('an expired invite is named as one that is still to be deleted, until it is', async () => {
  const clock = createVirtualClock();
  const node = await nodes.add({ clock });
  await node.run('create invite where role = auditor and expires = 1 day');
  expect(await node.text('get invites')).not.toContain('delete invite');
  await clock.advance(2 * 86_400_000);
  expect(await node.text('get invites')).toContain('To end it: delete invite where id = INVITE');
  const [invite] = (await node.json('get invites')) as [
    { grant: string; status: string; since: string; expires: string },
  ];
  expect(invite.status).toBe('expired');
  expect(invite.since).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);
  expect(await node.text('get invites')).toContain(invite.expires);
  await node.run(`delete invite where id = ${invite.grant}`);
  expect(await node.json('get invites')).toMatchObject([{ status: 'deleted' }]);
  expect(await node.text('get invites')).not.toContain('To end it');
});
