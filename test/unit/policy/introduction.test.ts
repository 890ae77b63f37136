import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { INTRODUCED_MS_MAX, INTRODUCTION_TRIES_MAX } from '../../../src/base/limits.ts';
import { createLogger, type LogRecord } from '../../../src/base/log.ts';
import { parseEntry } from '../../../src/entry/check.ts';
import type { RawEntry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith } from '../../../src/entry/keys.ts';
import { makeEntry } from '../../../src/entry/make.ts';
import { createMemoryLedger, type MemoryLedger } from '../../../src/ledger/memory-ledger.ts';
import { createMemoryHub, type MemoryHub } from '../../../src/network/memory.ts';
import type { Network } from '../../../src/network/network.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import { decodeJoinAnswer, type JoinAnswer } from '../../../src/policy/admission/messages.ts';
import { rotateText } from '../../../src/policy/authority/acts.ts';
import { Introductions } from '../../../src/policy/introduction/introductions.ts';
import {
  decodeIntroduction,
  encodeIntroduction,
  INTRODUCE_PROTOCOL,
} from '../../../src/policy/introduction/messages.ts';
import { createPolicies } from '../../../src/policy/ledger-policies.ts';
import type { Policies } from '../../../src/policy/policies.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock, type VirtualClock } from '../../support/virtual-clock.ts';

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

interface Node {
  readonly ledger: MemoryLedger;
  readonly policies: Policies;
  readonly network: Network;
  readonly introductions: Introductions;
  readonly logged: LogRecord[];
}

const NOTHING = { op: 'insert', type: 'config', id: 'a'.repeat(32), replaces: null, content: { name: 'x' } } as const;
const seedOf = (number: number): Uint8Array => Buffer.alloc(32, number);

describe('introductions', () => {
  let clock: VirtualClock;
  let hub: MemoryHub;
  let nodes: Node[];
  let root: Node;

  const start = async (number: number): Promise<Node> => {
    const ledger = await createMemoryLedger({ seed: seedOf(number), clock });
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    const network = hub.node({ key: ledger.author });
    const logged: LogRecord[] = [];
    const log = createLogger((record) => logged.push(record));
    const introductions = new Introductions({ network, ledger, policies, clock, log, isJoining: () => false });
    network.setGate({
      isMember: (key) => policies.members.mayConnect(key) || introductions.isIntroduced(key),
      guestProtocols: new Set([INTRODUCE_PROTOCOL]),
    });
    policies.notices.on('members:changed', () => network.recheck());
    const node = { ledger, policies, network, introductions, logged };
    nodes.push(node);
    return node;
  };
  const entriesOf = async ({ ledger }: Node): Promise<readonly RawEntry[]> =>
    (await ledger.follow(0, 1_000)).map(({ entry }) => entry.raw);
  /** Takes up all that another node holds, as sync does. */
  const takeUp = async (node: Node, from: Node): Promise<void> => {
    await node.ledger.offer(await entriesOf(from), from.ledger.author);
    node.ledger.allowAppend();
    await node.policies.caughtUp();
  };
  /** Makes a node a member by an invite of another's; who knows of it is told by {@link takeUp}. */
  const letIn = async (node: Node, by: Node, grants = false): Promise<void> => {
    const key = Buffer.alloc(32, 90 + by.policies.members.invites().length);
    const expires = clock.wallMs() * 1_000 + 60_000_000;
    const wish = { roles: ['auditor' as const], scope: {}, grants, name: undefined, expires };
    const { entry } = await by.policies.members.invite({ ...wish, key: signingKeyFromSeed(key).author });
    const { hash, header } = entry;
    const token = { net: header.net, name: 'n', seeds: [], grant: hash, time: header.time, roles: wish.roles, expires };
    const joiner = signingKeyFromSeed(seedOf(nodes.indexOf(node) + 1));
    await clock.advance(1);
    const made = { nowMicros: clock.wallMs() * 1_000, salt: new Uint8Array(16), name: 'x' };
    await by.ledger.offer([joinEntry(joiner, { ...token, key: key.toString('hex') }, made).raw], joiner.author);
    await by.policies.caughtUp();
    await takeUp(node, by);
  };
  const isPeer = (node: Node, other: Node): boolean =>
    node.network.peers().some(({ key }) => key === other.network.self);
  const meet = async (node: Node, other: Node): Promise<void> => {
    await clock.runWhile(node.network.dial({ address: other.network.address }), 1_000);
  };
  const settled = (done: () => boolean): Promise<void> => clock.runUntil(done, 4_000);
  const ask = async (from: Node, to: Node, frame: Uint8Array): Promise<JoinAnswer> =>
    decodeJoinAnswer(
      await clock.runWhile(
        from.network.request(to.network.self, INTRODUCE_PROTOCOL, frame, { timeoutMs: 4_000 }),
        5_000,
      ),
    );

  beforeEach(async () => {
    clock = createVirtualClock();
    hub = createMemoryHub({ clock, random: createSeededRandom(1) });
    nodes = [];
    root = await start(1);
    await root.ledger.createNetwork('n', 'invite');
    await root.policies.caughtUp();
  });
  afterEach(async () => {
    for (const { introductions, network, policies } of nodes) {
      await introductions.close();
      await network.close();
      await policies.close();
    }
  });

  test.each(['the one that was away', 'the new one'])(
    'a member that was away and one that joined meanwhile meet without anybody else: %s dials',
    async (dialler) => {
      const [away, fresh] = [await start(2), await start(3)];
      await letIn(away, root);
      await letIn(fresh, root);
      expect(away.policies.members.isMember(fresh.ledger.author)).toBe(false);
      await (dialler === 'the new one' ? meet(fresh, away) : meet(away, fresh));
      await settled(() => isPeer(away, fresh) && isPeer(fresh, away));
      // Nothing went into the ledger by this way.
      expect(away.policies.members.isMember(fresh.ledger.author)).toBe(false);
      await takeUp(away, fresh);
      expect(away.introductions.isIntroduced(fresh.ledger.author)).toBe(false);
      expect(isPeer(away, fresh)).toBe(true);
      await clock.advance(INTRODUCED_MS_MAX);
      expect(isPeer(away, fresh)).toBe(true);
    },
  );

  test('two that joined by different admins on two sides of a cut, each unknown to the other, with chains of four entries', async () => {
    const [one, two, left, right] = [await start(2), await start(3), await start(4), await start(5)];
    await letIn(one, root, true);
    await letIn(two, root, true);
    await letIn(left, one);
    await letIn(right, two);
    await meet(left, right);
    await settled(() => isPeer(left, right) && isPeer(right, left));
  });

  test('it holds for a while only: who brings no ledger is let go', async () => {
    const [away, fresh] = [await start(2), await start(3)];
    await letIn(away, root);
    await letIn(fresh, root);
    await meet(fresh, away);
    await settled(() => isPeer(away, fresh));
    await clock.advance(INTRODUCED_MS_MAX);
    expect(away.introductions.isIntroduced(fresh.ledger.author)).toBe(false);
    expect(isPeer(away, fresh)).toBe(false);
  });

  test('who was revoked, as far as the node that is asked knows, is not let in, nor once it hears of it', async () => {
    const [away, fresh, late] = [await start(2), await start(3), await start(4)];
    await letIn(away, root);
    await letIn(fresh, root);
    await letIn(late, root);
    await root.policies.members.revoke({ of: fresh.ledger.author, from: 1, reason: undefined });
    await meet(fresh, away);
    await settled(() => isPeer(away, fresh));
    await takeUp(away, root);
    expect(isPeer(away, fresh)).toBe(false);
    await meet(fresh, late);
    await settled(() => isPeer(late, fresh));
    await takeUp(late, root);
    expect([isPeer(late, fresh), late.introductions.isIntroduced(fresh.ledger.author)]).toEqual([false, false]);
  });

  test('strangers: no chain, a chain of another, a forged, a cut, a foreign one', async () => {
    const [away, fresh, stranger] = [await start(2), await start(3), await start(4)];
    await letIn(away, root);
    await letIn(fresh, root);
    const chain = (await entriesOf(root)).slice(-2);
    const [invite, join] = [chain[0]!, chain[1]!];
    const net = root.ledger.network ?? null;
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
      await meet(stranger, away);
      const answer = await ask(stranger, away, encodeIntroduction(introduction));
      expect(answer).toMatchObject({ kind: 'refused', code, again: false });
      await clock.advance(5_000); // it is dropped, and may come again
    }
    expect(isPeer(away, stranger)).toBe(false);
    await clock.advance(5_000);
    expect(isPeer(stranger, away)).toBe(false);
  });

  test('a stranger’s crowd of introductions is bounded, a member’s goes through after it', async () => {
    const [away, fresh, stranger] = [await start(2), await start(3), await start(4)];
    await letIn(away, root);
    await letIn(fresh, root);
    const chain = (await entriesOf(root)).slice(-2);
    await meet(stranger, away);
    const frame = encodeIntroduction({ net: root.ledger.network ?? null, entries: chain });
    const crowd: JoinAnswer[] = [];
    // Its first was the one by which it introduced itself when they met.
    for (let count = 1; count < 20; count += 1) crowd.push(await ask(stranger, away, frame));
    expect(crowd).toMatchObject(
      crowd.map((_, at) => ({ code: at + 1 < INTRODUCTION_TRIES_MAX ? 'JOIN_NOT_PROVEN' : 'INTRODUCE_BUSY' })),
    );
    await meet(fresh, away);
    await settled(() => isPeer(away, fresh));
  });

  test('who has no invite is told so once, and what to do', async () => {
    const newcomer = await start(9);
    for (let round = 0; round < 3; round += 1) {
      await meet(newcomer, root);
      await clock.advance(6_000);
    }
    const said = newcomer.logged.filter(({ level }) => level === 'warn');
    expect(said).toMatchObject([{ text: expect.stringMatching(/by invite only.*--invite LINE/) as string }]);
    expect(newcomer.introductions.refusals()).toMatchObject([
      { code: 'JOIN_NO_INVITE', address: root.network.address, dialled: true, network: undefined },
    ]);
    expect(root.network.peers()).toEqual([]);
  });

  test.each([
    ['invite', 'invite'],
    ['invite', 'open'],
    ['open', 'invite'],
    ['open', 'open'],
  ] as const)('a seed of another network (%s) is named by a node of one of %s', async (theirs, ours) => {
    const [other, own] = [await start(8), await start(9)];
    await other.ledger.createNetwork('other', theirs);
    await own.ledger.createNetwork('own', ours);
    await other.policies.caughtUp();
    await own.policies.caughtUp();
    await meet(own, other);
    await settled(() => own.introductions.refusals().length > 0);
    expect(own.introductions.refusals()).toMatchObject([
      { code: 'JOIN_OTHER_NETWORK', dialled: true, network: other.ledger.network },
    ]);
    expect(own.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringContaining('belongs to the network') as string },
    ]);
  });

  test('a member that was revoked, and cannot hear of it by the ledger, is told so', async () => {
    const member = await start(2);
    await letIn(member, root);
    await root.policies.members.revoke({ of: member.ledger.author, from: 2, reason: undefined });
    await meet(member, root);
    await settled(() => member.introductions.refusals().length > 0);
    expect(member.introductions.refusals()).toMatchObject([{ code: 'JOIN_REVOKED', address: root.network.address }]);
    expect(member.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringMatching(/was revoked; ask an admin/) as string },
    ]);
    expect(isPeer(root, member)).toBe(false);
  });

  test('so is one whose invite another node redeemed before', async () => {
    const [first, second] = [await start(2), await start(3)];
    await letIn(first, root);
    const [invite] = root.policies.members.invites();
    const { network: net = '' } = root.ledger;
    const token = { net, name: 'n', seeds: [], grant: invite?.grant ?? '', time: 0, roles: ['auditor' as const] };
    const late = { nowMicros: clock.wallMs() * 1_000 + 1_000_000, salt: new Uint8Array(16), name: 'y' };
    const key = Buffer.alloc(32, 90).toString('hex');
    const { raw } = joinEntry(signingKeyFromSeed(seedOf(3)), { ...token, expires: 0, key }, late);
    // While it was cut off from whoever knew of the first.
    await second.ledger.offer([...(await entriesOf(root)).slice(0, 2), raw], root.ledger.author);
    await second.policies.caughtUp();
    await root.ledger.offer([raw], second.ledger.author);
    await root.policies.caughtUp();
    await meet(second, root);
    await settled(() => second.introductions.refusals().length > 0);
    expect(second.introductions.refusals()).toMatchObject([{ code: 'JOIN_INVITE_VOID' }]);
    expect(second.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringMatching(/void: the invite was redeemed before; ask an admin/) as string },
    ]);
  });

  test('so is one that was revoked under open admission', async () => {
    const [open, member] = [await start(8), await start(9)];
    await open.ledger.createNetwork('open', 'open');
    await open.policies.caughtUp();
    await takeUp(member, open);
    await member.policies.insert({ config: { name: 'x' } });
    await takeUp(open, member);
    await open.policies.members.revoke({ of: member.ledger.author, from: 1, reason: undefined });
    await meet(member, open);
    await settled(() => member.introductions.refusals().length > 0);
    expect(member.introductions.refusals()).toMatchObject([{ code: 'JOIN_REVOKED' }]);
  });

  describe('an old line of an invite opens nothing', () => {
    /** A join by the `at`th invite, dated right after it, by a key that is in no ledger. */
    const backdated = async (joiner: number, at: number): Promise<Uint8Array> => {
      const invite = (await entriesOf(root))
        .map((raw) => parseEntry(raw))
        .filter(({ content }) => content['expires'] !== undefined)[at]!;
      const { net, time } = invite.header;
      const token = { net: net, name: 'n', seeds: [], grant: invite.hash, time, roles: ['auditor' as const] };
      const line = { ...token, expires: 0, key: Buffer.alloc(32, 90 + at).toString('hex') };
      const made = { nowMicros: time + 1, salt: new Uint8Array(16), name: 'x' };
      const join = joinEntry(signingKeyFromSeed(seedOf(joiner)), line, made);
      return encodeIntroduction({ net, entries: [invite.raw, join.raw] });
    };
    const shown = async (stranger: Node, away: Node, frame: Uint8Array): Promise<JoinAnswer> => {
      await meet(stranger, away);
      return ask(stranger, away, frame);
    };

    test('that was redeemed, by a join that comes before the one that did', async () => {
      const [away, stranger] = [await start(2), await start(3)];
      await letIn(away, root);
      expect(await shown(stranger, away, await backdated(3, 0))).toMatchObject({
        kind: 'refused',
        code: 'INTRODUCE_JOIN_UNHEARD',
        text: expect.stringContaining('another node has redeemed its invite') as string,
        again: true,
      });
      expect(away.introductions.isIntroduced(stranger.ledger.author)).toBe(false);
    });

    test('that has expired by now, until the node has heard of the join from a member', async () => {
      const [away, fresh] = [await start(2), await start(3)];
      await letIn(away, root);
      await letIn(fresh, root);
      await clock.advance(61_000);
      await meet(fresh, away);
      await settled(() => fresh.introductions.refusals().length > 0);
      expect(fresh.introductions.refusals()).toMatchObject([{ code: 'INTRODUCE_JOIN_UNHEARD' }]);
      expect(fresh.logged.filter(({ level }) => level === 'warn')).toMatchObject([
        { text: expect.stringMatching(/its invite has expired by now; it lets this node in by itself/) as string },
      ]);
      expect(isPeer(away, fresh)).toBe(false);
      await takeUp(away, root);
      await meet(fresh, away);
      await settled(() => isPeer(away, fresh));
    });

    test('nor do entries that a revoked member makes in place of those that are held', async () => {
      const [away, member, stranger] = [await start(2), await start(3), await start(4)];
      await letIn(away, root);
      await letIn(member, root);
      const { author } = member.ledger;
      const chain = (await entriesOf(root)).slice(-2);
      const join = parseEntry(chain[1]!);
      const { net } = join.header;
      const next = signingKeyFromSeed(seedOf(4));
      const rotation = (seq: number): RawEntry => {
        const proof = signWith(next, Buffer.from(rotateText(net, join.hash, author, next.author)));
        return makeEntry(signingKeyFromSeed(seedOf(3)), {
          ...{ net, seq, prev: join.hash, parents: [], time: join.header.time + seq, cap: join.hash, op: 'rotate' },
          ...{ type: null, id: null, replaces: null, salt: new Uint8Array(16) },
          content: { v: 1, key: next.author, proof: Buffer.from(proof).toString('hex') },
        }).raw;
      };
      await root.ledger.offer([(await member.ledger.append({ ...NOTHING, cap: join.hash })).entry.raw], author);
      await root.policies.caughtUp();
      await root.policies.members.revoke({ of: author, from: 3, reason: undefined });
      await takeUp(away, root);
      await meet(stranger, away);
      const frame = encodeIntroduction({ net, entries: [...chain, rotation(2)] });
      expect(await ask(stranger, away, frame)).toMatchObject({ kind: 'refused', code: 'JOIN_NOT_PROVEN' });
    });
  });
});
