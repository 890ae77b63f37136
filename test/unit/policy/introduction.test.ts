import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { INTRODUCED_MS_MAX, INTRODUCTION_TRIES_MAX } from '../../../src/base/limits.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import { type JoinAnswer } from '../../../src/policy/admission/messages.ts';
import {
  decodeIntroduction,
  encodeIntroduction,
  INTRODUCE_PROTOCOL,
} from '../../../src/policy/introduction/messages.ts';
import {
  createIntroductionWorld,
  type IntroductionWorld,
  isPeer,
  keySeedOf,
} from '../../support/introduction-world.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/wire/introduce/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

describe(`the golden vectors of ${INTRODUCE_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    expect(Buffer.from(encodeIntroduction(decodeIntroduction(Buffer.from(line)))).toString()).toBe(line);
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(() => decodeIntroduction(Buffer.from(line))).toThrow(expect.objectContaining({ code: 'JOIN_MALFORMED' }));
  });

  test('so is one that is longer than a node may send', () => {
    expect(() => decodeIntroduction(Buffer.alloc(262_145, 0x20))).toThrow(/262145 bytes/);
  });
});

describe('introductions', () => {
  let world: IntroductionWorld;

  beforeEach(async () => {
    world = await createIntroductionWorld();
  });
  afterEach(() => world.close());

  test.each(['the one that was away', 'the new one'])(
    'a member that was away and one that joined meanwhile meet without anybody else: %s dials',
    async (dialler) => {
      const [away, fresh] = [await world.start(2), await world.start(3)];
      await world.letIn(away, world.root);
      await world.letIn(fresh, world.root);
      expect(away.policies.members.isMember(fresh.ledger.author)).toBe(false);
      await (dialler === 'the new one' ? world.meet(fresh, away) : world.meet(away, fresh));
      await world.settled(() => isPeer(away, fresh) && isPeer(fresh, away));
      // Nothing went into the ledger by this way.
      expect(away.policies.members.isMember(fresh.ledger.author)).toBe(false);
      await world.takeUp(away, fresh);
      expect(away.introductions.isIntroduced(fresh.ledger.author)).toBe(false);
      expect(isPeer(away, fresh)).toBe(true);
      await world.clock.advance(INTRODUCED_MS_MAX);
      expect(isPeer(away, fresh)).toBe(true);
    },
  );

  test('two that joined by different admins on two sides of a cut, each unknown to the other, with chains of four entries', async () => {
    const [one, two, left, right] = [
      await world.start(2),
      await world.start(3),
      await world.start(4),
      await world.start(5),
    ];
    await world.letIn(one, world.root, true);
    await world.letIn(two, world.root, true);
    await world.letIn(left, one);
    await world.letIn(right, two);
    await world.meet(left, right);
    await world.settled(() => isPeer(left, right) && isPeer(right, left));
  });

  test('it holds for a while only: who brings no ledger is let go', async () => {
    const [away, fresh] = [await world.start(2), await world.start(3)];
    await world.letIn(away, world.root);
    await world.letIn(fresh, world.root);
    await world.meet(fresh, away);
    await world.settled(() => isPeer(away, fresh));
    await world.clock.advance(INTRODUCED_MS_MAX);
    expect(away.introductions.isIntroduced(fresh.ledger.author)).toBe(false);
    expect(isPeer(away, fresh)).toBe(false);
  });

  test('who was revoked, as far as the node that is asked knows, is not let in, nor once it hears of it', async () => {
    const [away, fresh, late] = [await world.start(2), await world.start(3), await world.start(4)];
    await world.letIn(away, world.root);
    await world.letIn(fresh, world.root);
    await world.letIn(late, world.root);
    await world.root.policies.members.revoke({ of: fresh.ledger.author, from: 1, reason: undefined });
    await world.meet(fresh, away);
    await world.settled(() => isPeer(away, fresh));
    await world.takeUp(away, world.root);
    expect(isPeer(away, fresh)).toBe(false);
    await world.meet(fresh, late);
    await world.settled(() => isPeer(late, fresh));
    await world.takeUp(late, world.root);
    expect([isPeer(late, fresh), late.introductions.isIntroduced(fresh.ledger.author)]).toEqual([false, false]);
  });

  test('strangers: no chain, a chain of another, a forged, a cut, a foreign one', async () => {
    const [away, fresh, stranger] = [await world.start(2), await world.start(3), await world.start(4)];
    await world.letIn(away, world.root);
    await world.letIn(fresh, world.root);
    const chain = (await world.entriesOf(world.root)).slice(-2);
    const [invite, join] = [chain[0]!, chain[1]!];
    const net = world.root.ledger.network ?? null;
    for (const [introduction, code] of [
      [{ net, entries: [] }, 'JOIN_NO_INVITE'],
      [{ net: null, entries: [] }, 'JOIN_NO_INVITE'],
      [{ net: 'ab'.repeat(32), entries: chain }, 'JOIN_OTHER_NETWORK'],
      [{ net, entries: chain }, 'JOIN_NOT_PROVEN'],
      [{ net, entries: [join] }, 'JOIN_NOT_PROVEN'],
      [{ net, entries: [invite] }, 'JOIN_NOT_PROVEN'],
      [{ net, entries: [join, invite] }, 'JOIN_NOT_PROVEN'],
      [{ net, entries: [{ ...invite, signature: join.signature }, join] }, 'JOIN_NOT_PROVEN'],
      [{ net, entries: [{ ...invite, body: join.body }, join] }, 'ENTRY_BODY_MISMATCH'],
      [{ net, entries: [{ ...invite, header: Buffer.from('{}') }] }, 'ENTRY_SCHEMA'],
    ] as const) {
      await world.meet(stranger, away);
      const answer = await world.ask(stranger, away, encodeIntroduction(introduction));
      expect(answer).toMatchObject({ kind: 'refused', code, again: false });
      await world.clock.advance(5_000); // it is dropped, and may come again
    }
    expect(isPeer(away, stranger)).toBe(false);
    await world.clock.advance(5_000);
    expect(isPeer(stranger, away)).toBe(false);
  });

  test('a stranger’s crowd of introductions is bounded, a member’s goes through after it', async () => {
    const [away, fresh, stranger] = [await world.start(2), await world.start(3), await world.start(4)];
    await world.letIn(away, world.root);
    await world.letIn(fresh, world.root);
    const chain = (await world.entriesOf(world.root)).slice(-2);
    await world.meet(stranger, away);
    const frame = encodeIntroduction({ net: world.root.ledger.network ?? null, entries: chain });
    const crowd: JoinAnswer[] = [];
    // Its first was the one by which it introduced itself when they met.
    for (let count = 1; count < 20; count += 1) crowd.push(await world.ask(stranger, away, frame));
    expect(crowd).toMatchObject(
      crowd.map((_, at) => ({ code: at + 1 < INTRODUCTION_TRIES_MAX ? 'JOIN_NOT_PROVEN' : 'INTRODUCE_BUSY' })),
    );
    await world.meet(fresh, away);
    await world.settled(() => isPeer(away, fresh));
  });

  test('who has no invite is told so once, and what to do', async () => {
    const newcomer = await world.start(9);
    for (let round = 0; round < 3; round += 1) {
      await world.meet(newcomer, world.root);
      await world.clock.advance(6_000);
    }
    const said = newcomer.logged.filter(({ level }) => level === 'warn');
    expect(said).toMatchObject([{ text: expect.stringMatching(/by invite only.*--invite LINE/) as string }]);
    expect(newcomer.introductions.refusals()).toMatchObject([
      { code: 'JOIN_NO_INVITE', address: world.root.network.address, dialled: true, network: undefined },
    ]);
    expect(world.root.network.peers()).toEqual([]);
  });

  test.each([
    ['invite', 'invite'],
    ['invite', 'open'],
    ['open', 'invite'],
    ['open', 'open'],
  ] as const)('a seed of another network (%s) is named by a node of one of %s', async (theirs, ours) => {
    const [other, own] = [await world.start(8), await world.start(9)];
    await other.ledger.createNetwork('other', theirs);
    await own.ledger.createNetwork('own', ours);
    await other.policies.caughtUp();
    await own.policies.caughtUp();
    await world.meet(own, other);
    await world.settled(() => own.introductions.refusals().length > 0);
    expect(own.introductions.refusals()).toMatchObject([
      { code: 'JOIN_OTHER_NETWORK', dialled: true, network: other.ledger.network },
    ]);
    expect(own.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringContaining('belongs to the network') as string },
    ]);
  });

  test('a member that was revoked, and cannot hear of it by the ledger, is told so', async () => {
    const member = await world.start(2);
    await world.letIn(member, world.root);
    await world.root.policies.members.revoke({ of: member.ledger.author, from: 2, reason: undefined });
    await world.meet(member, world.root);
    await world.settled(() => member.introductions.refusals().length > 0);
    expect(member.introductions.refusals()).toMatchObject([
      { code: 'JOIN_REVOKED', address: world.root.network.address },
    ]);
    expect(member.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringMatching(/was revoked; ask an admin/) as string },
    ]);
    expect(isPeer(world.root, member)).toBe(false);
  });

  test('so is one whose invite another node redeemed before', async () => {
    const [first, second] = [await world.start(2), await world.start(3)];
    await world.letIn(first, world.root);
    const [invite] = world.root.policies.members.invites();
    const { network: net = '' } = world.root.ledger;
    const token = { net, name: 'n', seeds: [], grant: invite?.grant ?? '', time: 0, roles: ['auditor' as const] };
    const late = { nowMicros: world.clock.wallMs() * 1_000 + 1_000_000, salt: new Uint8Array(16), name: 'y' };
    const key = Buffer.alloc(32, 90).toString('hex');
    const { raw } = joinEntry(signingKeyFromSeed(keySeedOf(3)), { ...token, expires: 0, key }, late);
    // While it was cut off from whoever knew of the first.
    await second.ledger.offer([...(await world.entriesOf(world.root)).slice(0, 2), raw], world.root.ledger.author);
    await second.policies.caughtUp();
    await world.root.ledger.offer([raw], second.ledger.author);
    await world.root.policies.caughtUp();
    await world.meet(second, world.root);
    await world.settled(() => second.introductions.refusals().length > 0);
    expect(second.introductions.refusals()).toMatchObject([{ code: 'JOIN_INVITE_VOID' }]);
    expect(second.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringMatching(/void: the invite was redeemed before; ask an admin/) as string },
    ]);
  });

  test('so is one that was revoked under open admission', async () => {
    const [open, member] = [await world.start(8), await world.start(9)];
    await open.ledger.createNetwork('open', 'open');
    await open.policies.caughtUp();
    await world.takeUp(member, open);
    await member.policies.insert({ config: { name: 'x' } });
    await world.takeUp(open, member);
    await open.policies.members.revoke({ of: member.ledger.author, from: 1, reason: undefined });
    await world.meet(member, open);
    await world.settled(() => member.introductions.refusals().length > 0);
    expect(member.introductions.refusals()).toMatchObject([{ code: 'JOIN_REVOKED' }]);
  });
});
