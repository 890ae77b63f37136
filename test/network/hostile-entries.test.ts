import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Entry, RawEntry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { encodeControl, encodeEntries } from '../../src/ledger/sync/messages.ts';
import type { HostilePeer } from '../support/hostile-peer.ts';
import { BORNE, cutOff, HostileWorld, type Kind } from '../support/hostile-world.ts';
import { badlySigned, resigned } from '../support/ledger-authors.ts';

const HOUR_MICROS = 3_600_000_000;
const hash = (digit: string): string => digit.repeat(64);

/** Bytes of any form as a header that the author has signed. */
const signed = ({ key }: HostilePeer, header: Uint8Array, body: Uint8Array): RawEntry => ({
  ...{ header, body },
  signature: signWith(key, header),
});

/** An entry that is made well but for one thing, handed on by gossip. */
const gossiped = (
  name: string,
  why: RegExp,
  make: (peer: HostilePeer, world: HostileWorld, good: Entry) => RawEntry,
): Kind => ({
  name,
  verdict: cutOff(why),
  attack: (peer, world) => peer.gossip(world.topic, encodeEntries([make(peer, world, world.entry(peer.key))])),
});

const changed = (name: string, why: RegExp, change: (good: Entry) => Parameters<typeof resigned>[2]): Kind =>
  gossiped(name, why, ({ key }, _, good) => resigned(good, key, change(good)));

const text = ({ raw }: Entry): string => Buffer.from(raw.header).toString();

const KINDS: readonly Kind[] = [
  gossiped('a forged signature', /ENTRY_SIGNATURE_BAD/, (_, __, good) => badlySigned(good)),
  gossiped('an entry of somebody else, signed by the sender', /ENTRY_SIGNATURE_BAD/, ({ key }, world) =>
    resigned(world.entry(signingKeyFromSeed(randomBytes(32))), key, {}),
  ),
  gossiped('another body than the header names', /ENTRY_BODY_MISMATCH/, (_, world, good) => ({
    ...good.raw,
    body: world.entry(signingKeyFromSeed(randomBytes(32)), { content: { site: { name: 'other' } } }).raw.body,
  })),
  changed('a header longer than any', /ENTRY_HEADER_OVERSIZE|LEDGER_SYNC_MALFORMED/, () => ({ id: 'x'.repeat(9_000) })),
  gossiped('a body longer than any', /ENTRY_BODY_OVERSIZE|LEDGER_SYNC_MALFORMED/, (_, __, good) => ({
    ...good.raw,
    body: Buffer.alloc(70_000, 'x'),
  })),
  gossiped('a header that is not canonical', /ENTRY_NOT_CANONICAL/, (peer, _, good) =>
    signed(peer, Buffer.from(text(good).replace('{"author"', '{ "author"')), good.raw.body),
  ),
  gossiped('a header that names a field twice', /ENTRY_NOT_CANONICAL/, (peer, _, good) =>
    signed(peer, Buffer.from(text(good).replace('"v":1', '"v":1,"v":1')), good.raw.body),
  ),
  gossiped('a header of deep JSON', /ENTRY_TOO_DEEP/, (peer, _, good) =>
    signed(peer, Buffer.from('['.repeat(4_000) + ']'.repeat(4_000)), good.raw.body),
  ),
  gossiped('a header that is not UTF-8', /ENTRY_MALFORMED/, (peer, _, good) =>
    signed(peer, Buffer.concat([good.raw.header.subarray(0, 20), Buffer.of(0xff)]), good.raw.body),
  ),
  changed('more parents than an entry has', /ENTRY_SCHEMA/, () => ({
    parents: Array.from({ length: 100 }, (_, at) => at.toString(16).padStart(64, '0')),
  })),
  {
    name: 'a million parents',
    verdict: cutOff(/NETWORK_GOSSIP_OVERSIZE/),
    attack: (peer) => {
      const parents = Buffer.from(`"${hash('d')}",`.repeat(1_000));
      return peer.gossipAtLength(1_000 * parents.byteLength, parents);
    },
  },
  changed('a field that no header has', /ENTRY_SCHEMA/, () => ({ admin: true })),
  changed('number 0', /ENTRY_SCHEMA/, () => ({ seq: 0 })),
  changed('a number that is none', /ENTRY_(?:SCHEMA|NOT_CANONICAL)/, () => ({ seq: 1.5 })),
  changed('an entry of another network', /LEDGER_OTHER_NETWORK/, () => ({ net: hash('a') })),
  changed('a second genesis', /ENTRY_SCHEMA|LEDGER_OTHER_NETWORK/, () => ({
    ...{ op: 'genesis', net: '', parents: [], cap: null, type: null, id: null },
  })),
  changed('a link to an entry of somebody else', /LEDGER_PREV_MISMATCH/, ({ header }) => ({
    ...{ seq: 2, prev: header.net, parents: [] },
  })),
  changed('a date before that of its parent', /LEDGER_TIME_NOT_AFTER/, () => ({ time: 1 })),
  changed('a key of small order', /ENTRY_(?:KEY_MALFORMED|SIGNATURE_BAD)/, () => ({
    author: `01${'0'.repeat(62)}`,
  })),
  changed('a change that no open network lets anybody make', /LEDGER_ENTRY_UNGRANTED/, () => ({
    ...{ op: 'grant', type: null, id: null },
  })),
  {
    name: 'a parent that is the author’s own entry',
    verdict: cutOff(/LEDGER_PARENT_MISMATCH/),
    held: 1,
    attack: async (peer, world) => {
      const first = world.entry(peer.key);
      const change = { seq: 2, prev: first.hash, parents: [first.hash], time: first.header.time + 10 };
      for (const entry of [first, world.entry(peer.key, change)]) {
        await peer.gossip(world.topic, encodeEntries([entry.raw]));
        await world.round();
      }
    },
  },
  {
    name: 'two entries in one piece of gossip',
    verdict: cutOff(/LEDGER_SYNC_MALFORMED/),
    attack: (peer, world) => {
      const { raw } = world.entry(peer.key);
      return peer.gossip(world.topic, encodeEntries([raw, raw]));
    },
  },
  {
    name: 'gossip that is cut off in the middle of an entry',
    verdict: cutOff(/LEDGER_SYNC_MALFORMED/),
    attack: (peer, world) => peer.gossip(world.topic, encodeEntries([world.entry(peer.key).raw]).subarray(0, -9)),
  },
  {
    name: 'gossip of a question',
    verdict: cutOff(/LEDGER_SYNC_MALFORMED/),
    attack: (peer, world) => peer.gossip(world.topic, encodeControl({ kind: 'end' })),
  },
  {
    name: 'gossip of nothing',
    verdict: cutOff(/LEDGER_SYNC_MALFORMED/),
    attack: (peer, world) => peer.gossip(world.topic, new Uint8Array()),
  },
  {
    name: 'two entries with one number',
    verdict: cutOff(/LEDGER_AUTHOR_VOID/),
    held: 2,
    attack: async (peer, world) => {
      for (const id of ['one', 'other']) {
        await peer.gossip(world.topic, encodeEntries([world.entry(peer.key, { id }).raw]));
        await world.round();
      }
    },
  },
  {
    name: 'a known entry again and again',
    verdict: BORNE,
    held: 1,
    attack: async (peer, world) => {
      const { raw } = world.entry(peer.key);
      for (let count = 0; count < 50; count += 1) await peer.gossip(world.topic, encodeEntries([raw]));
    },
  },
  {
    name: 'entries in the wrong order, the first withheld',
    verdict: BORNE,
    attack: async (peer, world) => {
      let last = world.entry(peer.key);
      for (let seq = 2; seq < 6; seq += 1) {
        last = world.entry(peer.key, { seq, prev: last.hash, parents: [], time: last.header.time + 10 });
        await peer.gossip(world.topic, encodeEntries([last.raw]));
      }
    },
  },
  {
    name: 'an entry that names parents which nobody has',
    verdict: BORNE,
    attack: (peer, world) =>
      peer.gossip(world.topic, encodeEntries([world.entry(peer.key, { parents: [hash('b'), hash('c')] }).raw])),
  },
  {
    name: 'an entry dated an hour ahead',
    verdict: BORNE,
    attack: (peer, world) =>
      peer.gossip(world.topic, encodeEntries([world.entry(peer.key, { time: Date.now() * 1_000 + HOUR_MICROS }).raw])),
  },
];

describe('a node among peers that hand on what is no good entry', () => {
  let world: HostileWorld | undefined;
  beforeAll(async () => (world = await HostileWorld.start()), 60_000);
  afterAll(() => world?.close());

  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => world?.endure(kind));
});
