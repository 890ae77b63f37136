import { join } from 'node:path';
import { beforeEach, expect, it, vi } from 'vitest';
import {
  PASSWORD_CHECKS_AT_ONCE,
  PASSWORD_CHECKS_WAITING_MAX,
  PASSWORD_PAUSE_MS,
  PASSWORD_TRIES_MAX,
} from '../../../src/base/limits.ts';
import { systemRandom } from '../../../src/base/random.ts';
import {
  PASSWORD_CHECKS_OF_ADDRESS_MAX,
  PASSWORD_TRIES_OF_ADDRESS_MAX,
} from '../../../src/command/access/password-tries.ts';
import { Users } from '../../../src/command/access/users.ts';
import type { User } from '../../../src/command/access/users-file.ts';
import { tempDir } from '../../support/temp-dir.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const gate = vi.hoisted(() => ({ opened: Promise.resolve(undefined) }));
// No hash is made: it takes a core for long, and none ends before the test says so.
vi.mock(import('../../../src/command/access/password.ts'), async (original) => ({
  ...(await original()),
  passwordHolds: async (password) => {
    await gate.opened;
    return password === 'right';
  },
}));

const HERE = '127.0.0.1';
const ANN: User = { name: 'ann', type: 'user', expires: undefined };

let dir: string;
let clock: VirtualClock;
beforeEach(() => {
  dir = tempDir();
  clock = createVirtualClock();
});

const openUsers = async (): Promise<Users> => {
  const users = await Users.open(join(dir, 'users.json'), { clock, random: systemRandom });
  for (const name of ['ann', 'bob']) await users.add({ ...ANN, name }, 'right');
  return users;
};

it('guesses of two addresses keep nobody elsewhere out; who finds all places taken has made no try', async () => {
  const users = await openUsers();
  const { promise, resolve } = Promise.withResolvers<undefined>();
  gate.opened = promise;
  const flood = (from: string): readonly Promise<unknown>[] =>
    Array.from({ length: PASSWORD_TRIES_OF_ADDRESS_MAX }, (_, index) =>
      users.verify(`nobody ${index}`, from, from).catch((caught: unknown) => caught),
    );
  const first = ['10.0.0.1', '10.0.0.2'].map(flood);
  const ann = users.verify('ann', 'right', HERE);
  const others = ['10.0.0.3', '10.0.0.4', '10.0.0.5'].map(flood);
  for (let index = 0; index <= PASSWORD_TRIES_MAX; index += 1)
    await expect(users.verify('bob', 'right', HERE)).rejects.toMatchObject({ code: 'ACCESS_BUSY' });
  resolve(undefined);
  expect(await ann).toMatchObject({ name: 'ann' });
  const checked = await Promise.all(
    [...first, ...others].map(async (each) => (await Promise.all(each)).filter((it) => it === undefined).length),
  );
  expect(checked.slice(0, 2)).toEqual([PASSWORD_CHECKS_OF_ADDRESS_MAX, PASSWORD_CHECKS_OF_ADDRESS_MAX]);
  expect(checked.reduce((sum, one) => sum + one)).toBe(PASSWORD_CHECKS_AT_ONCE + PASSWORD_CHECKS_WAITING_MAX - 1);
  expect(await users.verify('bob', 'right', HERE)).toMatchObject({ name: 'bob' });
});

it('after wrong passwords for many names an address waits with all names, but for who was let in before', async () => {
  const users = await openUsers();
  await users.verify('ann', 'right', HERE);
  for (let index = 0; index < PASSWORD_TRIES_OF_ADDRESS_MAX; index += 1)
    expect(await users.verify(`nobody ${index}`, 'wrong', HERE)).toBeUndefined();
  await expect(users.verify('bob', 'right', HERE)).rejects.toMatchObject({ code: 'ACCESS_TRIES' });
  expect(await users.verify('ann', 'right', HERE)).toBeDefined();
  expect(await users.verify('bob', 'right', '10.0.0.9')).toBeDefined();
  await clock.advance(PASSWORD_PAUSE_MS);
  expect(await users.verify('carl', 'wrong', HERE)).toBeUndefined();
});
