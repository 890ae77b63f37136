import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseEntry } from '../../../src/entry/check.ts';
import type { RawEntry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith } from '../../../src/entry/keys.ts';
import { makeEntry } from '../../../src/entry/make.ts';
import { joinEntry } from '../../../src/policy/admission/entry.ts';
import { type JoinAnswer } from '../../../src/policy/admission/messages.ts';
import { rotateText } from '../../../src/policy/authority/acts.ts';
import { encodeIntroduction } from '../../../src/policy/introduction/messages.ts';
import {
  createIntroductionWorld,
  type IntroducingNode,
  type IntroductionWorld,
  isPeer,
  keySeedOf,
} from '../../support/introduction-world.ts';

const NOTHING = { op: 'insert', type: 'config', id: 'a'.repeat(32), replaces: null, content: { name: 'x' } } as const;

let world: IntroductionWorld;

beforeEach(async () => {
  world = await createIntroductionWorld();
});
afterEach(() => world.close());

describe('an old line of an invite opens nothing', () => {
  /** A join by the `at`th invite, dated right after it, by a key that is in no ledger. */
  const backdated = async (joiner: number, at: number): Promise<Uint8Array> => {
    const invite = (await world.entriesOf(world.root))
      .map((raw) => parseEntry(raw))
      .filter(({ content }) => content['expires'] !== undefined)[at]!;
    const { net, time } = invite.header;
    const token = { net: net, name: 'n', seeds: [], grant: invite.hash, time, roles: ['auditor' as const] };
    const line = { ...token, expires: 0, key: Buffer.alloc(32, 90 + at).toString('hex') };
    const made = { nowMicros: time + 1, salt: new Uint8Array(16), name: 'x' };
    const join = joinEntry(signingKeyFromSeed(keySeedOf(joiner)), line, made);
    return encodeIntroduction({ net, entries: [invite.raw, join.raw] });
  };
  const shown = async (stranger: IntroducingNode, away: IntroducingNode, frame: Uint8Array): Promise<JoinAnswer> => {
    await world.meet(stranger, away);
    return world.ask(stranger, away, frame);
  };

  test('that was redeemed, by a join that comes before the one that did', async () => {
    const [away, stranger] = [await world.start(2), await world.start(3)];
    await world.letIn(away, world.root);
    const frame = await backdated(3, 0);
    expect(await shown(stranger, away, frame)).toMatchObject({
      kind: 'refused',
      code: 'INTRODUCE_JOIN_UNHEARD',
      text: expect.stringContaining('another node has redeemed its invite') as string,
      again: true,
    });
    expect(away.introductions.isIntroduced(stranger.ledger.author)).toBe(false);
    // Whoever reads its log may know both; it is said once.
    await world.ask(stranger, away, frame);
    const said = away.logged.filter(({ level }) => level === 'warn').map(({ text }) => text);
    expect(said).toEqual([expect.stringMatching(new RegExp(`^${stranger.ledger.author} says that it has joined`))]);
  });

  test('each of two joins in one chain is looked at', async () => {
    const [away, admin, stranger] = [await world.start(2), await world.start(3), await world.start(4)];
    await world.letIn(away, world.root);
    await world.letIn(admin, world.root, true, 600_000);
    // Both are new to who is asked; the invite of the second alone has expired.
    await world.letIn(stranger, admin);
    await world.clock.advance(61_000);
    await world.meet(stranger, away);
    await world.settled(() => stranger.introductions.refusals().length > 0);
    expect(stranger.introductions.refusals()).toMatchObject([{ code: 'INTRODUCE_JOIN_UNHEARD' }]);
  });

  test('but who restored an older copy of its directory takes its own log back from whoever has it', async () => {
    const fresh = await world.start(2);
    const older = await world.entriesOf(world.root);
    await world.letIn(fresh, world.root);
    await world.clock.advance(61_000);
    await world.root.network.close();
    const restored = await world.start(1);
    await restored.ledger.offer(older, world.root.ledger.author);
    await restored.policies.caughtUp();
    await world.meet(fresh, restored);
    await world.settled(() => isPeer(restored, fresh));
  });

  test('that has expired by now, until the node has heard of the join from a member', async () => {
    const [away, fresh] = [await world.start(2), await world.start(3)];
    await world.letIn(away, world.root);
    await world.letIn(fresh, world.root);
    await world.clock.advance(61_000);
    await world.meet(fresh, away);
    await world.settled(() => fresh.introductions.refusals().length > 0);
    expect(fresh.introductions.refusals()).toMatchObject([{ code: 'INTRODUCE_JOIN_UNHEARD' }]);
    expect(fresh.logged.filter(({ level }) => level === 'warn')).toMatchObject([
      { text: expect.stringMatching(/its invite has expired by now; it lets this node in by itself/) as string },
    ]);
    expect(isPeer(away, fresh)).toBe(false);
    await world.takeUp(away, world.root);
    await world.meet(fresh, away);
    await world.settled(() => isPeer(away, fresh));
  });

  test('nor do entries that a revoked member makes in place of those that are held', async () => {
    const [away, member, stranger] = [await world.start(2), await world.start(3), await world.start(4)];
    await world.letIn(away, world.root);
    await world.letIn(member, world.root);
    const { author } = member.ledger;
    const chain = (await world.entriesOf(world.root)).slice(-2);
    const join = parseEntry(chain[1]!);
    const { net } = join.header;
    const next = signingKeyFromSeed(keySeedOf(4));
    const rotation = (seq: number): RawEntry => {
      const proof = signWith(next, Buffer.from(rotateText(net, join.hash, author, next.author)));
      return makeEntry(signingKeyFromSeed(keySeedOf(3)), {
        ...{ net, seq, prev: join.hash, parents: [], time: join.header.time + seq, cap: join.hash, op: 'rotate' },
        ...{ type: null, id: null, replaces: null, salt: new Uint8Array(16) },
        content: { v: 1, key: next.author, proof: Buffer.from(proof).toString('hex') },
      }).raw;
    };
    await world.root.ledger.offer([(await member.ledger.append({ ...NOTHING, cap: join.hash })).entry.raw], author);
    await world.root.policies.caughtUp();
    await world.root.policies.members.revoke({ of: author, from: 3, reason: undefined });
    await world.takeUp(away, world.root);
    await world.meet(stranger, away);
    const frame = encodeIntroduction({ net, entries: [...chain, rotation(2)] });
    expect(await world.ask(stranger, away, frame)).toMatchObject({ kind: 'refused', code: 'JOIN_NOT_PROVEN' });
  });
});
