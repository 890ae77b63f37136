import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { RawEntry } from '../../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createMemoryHub, type MemoryHub } from '../../../src/network/memory.ts';
import type { Network } from '../../../src/network/network.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import {
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
  JOIN_PROTOCOL,
  type JoinAnswer,
} from '../../../src/policy/admission/messages.ts';
import { askToJoin, openDoor } from '../../../src/policy/admission/protocol.ts';
import { decodeToken, encodeToken, type InviteToken, withoutTokens } from '../../../src/policy/admission/token.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/wire/join/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const codecOf = (line: string): { readonly frame: Uint8Array; readonly read: () => Uint8Array } => {
  const cut = line.indexOf(' ');
  const frame = Buffer.from(line.slice(cut + 1));
  return line.slice(0, cut) === 'request'
    ? { frame, read: () => encodeJoinRequest(decodeJoinRequest(frame)) }
    : { frame, read: () => encodeJoinAnswer(decodeJoinAnswer(frame)) };
};

const codeOf = (code: string): unknown => expect.objectContaining({ code });

describe(`the golden vectors of ${JOIN_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    const { frame, read } = codecOf(line);
    expect(Buffer.from(read()).toString()).toBe(frame.toString());
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(codecOf(line).read).toThrow(codeOf('JOIN_MALFORMED'));
  });
});

const seedOf = (number: number): Uint8Array => Buffer.alloc(32, number);
const MINUTE_MICROS = 60_000_000;

describe('the door', () => {
  let clock: VirtualClock;
  let hub: MemoryHub;
  let ledger: MemoryLedger;
  let policies: Policies;
  let inside: Network;
  let nodes: Network[];

  const invite = async (changes: { readonly expires?: number } = {}): Promise<InviteToken> => {
    const seed = Buffer.alloc(32, 90 + policies.members.invites().length);
    const expires = clock.wallMs() * 1_000 + (changes.expires ?? 10 * MINUTE_MICROS);
    const wish = { roles: ['auditor' as const], scope: {}, grants: false, name: undefined, expires };
    const { entry } = await policies.members.invite({ ...wish, key: signingKeyFromSeed(seed).author });
    const { hash, header } = entry;
    return {
      net: header.net,
      name: 'n',
      seeds: [],
      grant: hash,
      time: header.time,
      key: seed.toString('hex'),
      roles: ['auditor'],
      expires,
    };
  };
  const joinOf = (key: SigningKey, token: InviteToken): RawEntry =>
    joinEntry(key, token, { nowMicros: clock.wallMs() * 1_000, salt: new Uint8Array(16), name: 'x' }).raw;
  const ask = async (number: number, raw: RawEntry): Promise<JoinAnswer> => {
    const { author } = signingKeyFromSeed(seedOf(number));
    const network = nodes.find(({ self }) => self === author) ?? hub.node({ key: author });
    if (!nodes.includes(network)) nodes.push(network);
    await clock.runWhile(network.dial({ address: inside.address }), 1_000);
    return clock.runWhile(askToJoin(network, inside.self, raw, new AbortController().signal), 10_000);
  };

  beforeEach(async () => {
    clock = createVirtualClock();
    hub = createMemoryHub({ clock, random: createSeededRandom(1) });
    ledger = await createMemoryLedger({ seed: seedOf(1), clock });
    await ledger.createNetwork('n', 'invite');
    policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    await policies.caughtUp();
    inside = hub.node({ key: ledger.author });
    nodes = [inside];
    openDoor({
      ...{ network: inside, ledger, clock },
      authority: policies.book.authority,
      caughtUp: () => policies.caughtUp(),
    });
    inside.setGate({
      isMember: (key) => policies.members.isMember(key),
      guestProtocols: new Set([JOIN_PROTOCOL]),
    });
  });
  afterEach(async () => {
    await policies.close();
    for (const node of nodes) await node.close();
  });

  test('J1 J2 a join with the invite is welcome, makes its author a member, and may be asked again', async () => {
    const key = signingKeyFromSeed(seedOf(2));
    const raw = joinOf(key, await invite());
    expect(policies.members.isMember(key.author)).toBe(false);
    expect(await ask(2, raw)).toEqual({ kind: 'welcome' });
    expect(policies.members.isMember(key.author)).toBe(true);
    await clock.advance(60 * 60_000);
    const size = ledger.size;
    expect(await ask(2, raw)).toEqual({ kind: 'welcome' });
    expect(ledger.size).toBe(size);
  });

  test.each<readonly [string, (token: InviteToken, key: SigningKey) => RawEntry | Promise<RawEntry>, boolean]>([
    ['JOIN_MALFORMED', (token) => joinOf(signingKeyFromSeed(seedOf(9)), token), false],
    ['JOIN_NOT_PROVEN', (token, key) => joinOf(key, { ...token, key: 'ab'.repeat(32) }), false],
    ['JOIN_INVITE_UNKNOWN', (token, key) => joinOf(key, { ...token, grant: 'ab'.repeat(32) }), true],
    ['JOIN_OTHER_NETWORK', (token, key) => joinOf(key, { ...token, net: 'ab'.repeat(32) }), false],
    ['JOIN_CLOCK', (token, key) => joinOf(key, { ...token, time: token.time + 9 * MINUTE_MICROS }), false],
    [
      'ENTRY_MALFORMED',
      () => ({ header: Buffer.from('{'), signature: Buffer.alloc(64), body: Buffer.from('{}') }),
      false,
    ],
    [
      'JOIN_INVITE_VOID',
      async (token, key) => {
        await policies.members.deleteInvite(token.grant);
        await expect(policies.members.deleteInvite(token.grant)).rejects.toThrow(/was taken back before/);
        return joinOf(key, token);
      },
      false,
    ],
    [
      'JOIN_INVITE_REDEEMED',
      async (token, key) => {
        expect(await ask(3, joinOf(signingKeyFromSeed(seedOf(3)), token))).toEqual({ kind: 'welcome' });
        return joinOf(key, token);
      },
      false,
    ],
    [
      'JOIN_INVITE_EXPIRED',
      async (token, key) => {
        const raw = joinOf(key, token);
        await clock.advance(11 * 60_000);
        return raw;
      },
      false,
    ],
  ])('J1 J2 refuses with %s, and nothing of it is in the ledger', async (code, make, again) => {
    const key = signingKeyFromSeed(seedOf(2));
    const raw = await make(await invite(), key);
    const size = ledger.size;
    expect(await ask(2, raw)).toMatchObject({ kind: 'refused', code, again });
    expect(ledger.size).toBe(size);
    expect(policies.members.isMember(key.author)).toBe(false);
  });

  test('J3 redeemed twice, the earlier in the order of the ledger holds, whichever came first', async () => {
    const token = await invite();
    const early = signingKeyFromSeed(seedOf(4));
    const late = signingKeyFromSeed(seedOf(5));
    const earlyJoin = joinOf(early, token);
    await clock.advance(1_000);
    expect(await ask(5, joinOf(late, token))).toEqual({ kind: 'welcome' });
    // The other end of a partition let the earlier one in.
    await ledger.offer([earlyJoin], 'x');
    await policies.caughtUp();
    expect([early, late].map(({ author }) => policies.members.isMember(author))).toEqual([true, false]);
    expect(policies.members.list().map((member) => member.void?.rule)).toEqual([undefined, 'invite-redeemed']);
  });

  test('a node lets everybody connect until it has joined, and members alone once it was revoked', async () => {
    const key = signingKeyFromSeed(seedOf(2));
    const joiner = createPolicies({ ledger, ownKey: key.author, clock, holders: () => new Set() });
    const stranger = 'd'.repeat(64);
    const lets = async (): Promise<readonly boolean[]> => {
      await joiner.caughtUp();
      return [stranger, ledger.author].map((each) => joiner.members.mayConnect(each));
    };
    expect(await lets()).toEqual([true, true]);
    expect(await ask(2, joinOf(key, await invite()))).toEqual({ kind: 'welcome' });
    expect(await lets()).toEqual([false, true]);
    await policies.members.revoke({ of: key.author, from: 2, reason: undefined });
    expect(await lets()).toEqual([false, true]);
    await joiner.close();
  });

  test('J4 rubbish is refused, and its sender cut off', async () => {
    const other = hub.node({ key: 'e'.repeat(64) });
    nodes.push(other);
    await clock.runWhile(other.dial({ address: inside.address }), 1_000);
    const answer = await clock.runWhile(other.request(inside.self, JOIN_PROTOCOL, Buffer.from('{"x"')), 10_000);
    expect(decodeJoinAnswer(answer)).toMatchObject({ kind: 'refused', code: 'JOIN_MALFORMED' });
    expect(await ask(2, joinOf(signingKeyFromSeed(seedOf(2)), await invite()))).toEqual({ kind: 'welcome' });
  });

  test('a token is read as it was written; a part of it is refused without being shown', async () => {
    const token = await invite();
    const text = encodeToken(token);
    expect(decodeToken(` ${text}\n`)).toEqual(token);
    expect(withoutTokens(`an invite:\n${text}\nand ${text}.`)).toBe(
      'an invite:\nholdfast-invite-1.…\nand holdfast-invite-1.….',
    );
    const brokenAtKey = JSON.stringify(token).replace(`:"${token.key}`, `:${token.key.replace(/^\d*/, '')}`);
    for (const wrong of [
      '',
      'x',
      `holdfast-invite-1.${Buffer.from(brokenAtKey).toString('base64url')}`,
      text.slice(0, -9),
      text.replace('-1.', '-2.'),
      `holdfast-invite-1.${'A'.repeat(50)}`,
    ]) {
      let message = '';
      try {
        decodeToken(wrong);
      } catch (caught) {
        message = (caught as Error).message;
        expect(caught).toMatchObject({ code: 'JOIN_TOKEN_MALFORMED' });
      }
      expect(message).not.toBe('');
      expect(message).not.toContain(token.key.slice(0, 8));
    }
  });
});
