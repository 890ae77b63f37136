import { afterAll, expect, test } from 'vitest';
import { CommandNodes } from '../../support/command-node.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const nodes = new CommandNodes();
afterAll(() => nodes.close());

test('an expired invite is named as one that is still to be deleted, until it is', async () => {
  const clock = createVirtualClock();
  const node = await nodes.add({ clock });
  await node.run('create invite where role = auditor and expires = 1 day');
  expect(await node.text('get invites')).not.toContain('delete invite');
  await clock.advance(2 * 86_400_000);
  expect(await node.text('get invites')).toContain('To end it: delete invite where id = INVITE');
  const [invite] = (await node.json('get invites')) as [{ grant: string; status: string }];
  expect(invite.status).toBe('expired');
  await node.run(`delete invite where id = ${invite.grant}`);
  expect(await node.json('get invites')).toMatchObject([{ status: 'deleted' }]);
  expect(await node.text('get invites')).not.toContain('To end it');
});
