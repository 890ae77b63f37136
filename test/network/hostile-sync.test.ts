import { randomBytes } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { canonicalBytes } from '../../src/codec/canonical.ts';
import { FrameDecoder } from '../../src/codec/frames.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import {
  type ControlMessage,
  decodeMessage,
  encodeControl,
  encodeEntries,
  LEDGER_SYNC_ID,
  type SyncMessage,
} from '../../src/ledger/sync/messages.ts';
import { framed, type HostilePeer } from '../support/hostile-peer.ts';
import { BORNE, cutOff, HostileWorld, type Kind, siteEntry } from '../support/hostile-world.ts';
import { badlySigned } from '../support/ledger-authors.ts';

const FOREIGN = 'a'.repeat(64);
const VERSION = 'b'.repeat(32);
const key = (): string => randomBytes(32).toString('hex');

const tagged = (tag: number, payload: Uint8Array): Buffer => Buffer.concat([Buffer.of(tag), payload]);
const json = (value: string): Buffer => tagged(1, Buffer.from(value));

/** Asks with one frame. */
const asked = (name: string, why: RegExp, frame: (peer: HostilePeer, world: HostileWorld) => Uint8Array): Kind => ({
  name,
  verdict: cutOff(why),
  attack: (peer, world) => peer.frames(LEDGER_SYNC_ID, frame(peer, world)),
});

/** Answers the node's questions; `answer` gives the frames for each. */
const answering =
  (answer: (question: SyncMessage) => Iterable<Uint8Array>) =>
  (stream: Stream): void => {
    const decoder = new FrameDecoder();
    stream.addEventListener('message', ({ data }) => {
      for (const piece of data instanceof Uint8Array ? [data] : data)
        for (const frame of decoder.push(piece))
          for (const reply of answer(decodeMessage(frame)))
            // It may be cut off in the middle of its answer.
            if (stream.writeStatus === 'writable') stream.send(framed(reply));
    });
  };

/** It is asked, since every peer is, and answers so. */
const answers = (
  name: string,
  verdict: Kind['verdict'],
  answer: (question: SyncMessage, net: string) => Iterable<Uint8Array>,
): Kind => {
  const world: { net?: string } = {};
  return {
    ...{ name, verdict },
    serve: { [LEDGER_SYNC_ID]: answering((question) => answer(question, world.net ?? '')) },
    attack: async (peer, { net }) => {
      world.net = net;
      // Whoever tells that it holds something else is asked for it.
      await peer.frames(LEDGER_SYNC_ID, encodeControl({ kind: 'have', net, version: VERSION, heads: [], forks: [] }));
    },
  };
};

/** What it claims to hold: one log, so long. */
const claiming = function* (
  question: SyncMessage,
  net: string,
  length: number,
  give: () => Iterable<Uint8Array>,
): Generator<Uint8Array> {
  if (question.kind === 'ask') {
    yield encodeControl({ kind: 'is', net, version: VERSION, same: false });
    yield encodeControl({ kind: 'clock', heads: [[key(), length, key()]], forks: [], more: false });
  } else if (question.kind === 'want') yield* give();
};

/** One of many authors. */
const entryOf = (net: string, author: number): Entry => siteEntry(net, signingKeyFromSeed(Buffer.alloc(32, author)));

const have = (net: string, heads: ControlMessage & { kind: 'have' }): Buffer =>
  tagged(1, canonicalBytes({ ...heads, net }));

/** Pages of a clock that never ends. */
const clockPage = (heads: readonly [string, number, string][]): Uint8Array =>
  encodeControl({ kind: 'clock', heads: [...heads], forks: [], more: true });

const KINDS: readonly Kind[] = [
  asked('random bytes', /LEDGER_SYNC_MALFORMED/, () => randomBytes(1_000)),
  asked('a frame of an unknown kind', /LEDGER_SYNC_MALFORMED/, () => tagged(9, randomBytes(10))),
  asked('an empty frame', /LEDGER_SYNC_MALFORMED/, () => Buffer.alloc(0)),
  asked('JSON that is not canonical', /LEDGER_SYNC_MALFORMED/, () => json('{ "kind":"end"}')),
  asked('deep JSON', /LEDGER_SYNC_MALFORMED/, () => json('['.repeat(400_000) + ']'.repeat(400_000))),
  asked('a message with a field of its own', /LEDGER_SYNC_MALFORMED/, () => json('{"kind":"end","x":1}')),
  asked('an answer where a question is due', /LEDGER_SYNC_UNEXPECTED/, () => encodeControl({ kind: 'end' })),
  asked('entries that nobody asked for', /LEDGER_SYNC_UNEXPECTED/, (peer, world) =>
    encodeEntries([world.entry(peer.key).raw]),
  ),
  asked('a frame of entries without one', /LEDGER_SYNC_MALFORMED/, () => tagged(2, Buffer.alloc(0))),
  asked('a question for more ranges than a message holds', /LEDGER_SYNC_MALFORMED/, () =>
    json(
      `{"hashes":[],"kind":"want","proofs":[],"ranges":[${Array.from({ length: 5_001 }, () => `["${FOREIGN}",1,2]`).join(',')}]}`,
    ),
  ),
  {
    name: 'news without end',
    verdict: cutOff(/NETWORK_FLOOD|LEDGER_SYNC_FLOOD/),
    attack: async (peer, world) => {
      const stream = await peer.stream(LEDGER_SYNC_ID);
      const heads = Array.from({ length: 4_000 }, (_, at): [string, number, string] => [
        at.toString(16).padStart(64, '0'),
        1,
        FOREIGN,
      ]);
      const news = framed(have(world.net, { kind: 'have', net: world.net, version: VERSION, heads, forks: [] }));
      await peer.pour(stream, news);
    },
  },
  answers('garbage as an answer', cutOff(/LEDGER_SYNC_MALFORMED/), () => [randomBytes(100)]),
  answers('an answer out of turn', cutOff(/LEDGER_SYNC_UNEXPECTED/), () => [encodeControl({ kind: 'end' })]),
  answers('a clock whose pages all say the same', cutOff(/LEDGER_SYNC_UNEXPECTED/), function* (question, net) {
    if (question.kind !== 'ask') return;
    yield encodeControl({ kind: 'is', net, version: VERSION, same: false });
    for (let page = 0; page < 20; page += 1) yield clockPage([[FOREIGN, 1, FOREIGN]]);
  }),
  answers('a clock of empty pages', cutOff(/LEDGER_SYNC_UNEXPECTED/), function* (question, net) {
    if (question.kind !== 'ask') return;
    yield encodeControl({ kind: 'is', net, version: VERSION, same: false });
    for (let page = 0; page < 20; page += 1) yield clockPage([]);
  }),
  answers('more entries than were asked for', cutOff(/LEDGER_SYNC_UNEXPECTED/), (question, net) =>
    claiming(question, net, 1, () => [
      encodeEntries(Array.from({ length: 500 }, (_, at) => entryOf(net, (at % 200) + 1).raw)),
    ]),
  ),
  answers('forged entries as an answer', cutOff(/LEDGER_SYNC_REJECTED/), (question, net) =>
    claiming(question, net, 40, () => [
      encodeEntries(Array.from({ length: 40 }, (_, at) => badlySigned(entryOf(net, at + 1)))),
      encodeControl({ kind: 'end' }),
    ]),
  ),
  answers('a promise that is not kept', BORNE, (question, net) =>
    claiming(question, net, 40, () => [encodeControl({ kind: 'end' })]),
  ),
  answers('no answer at all', BORNE, () => []),
];

describe('a node among peers that make the exchange of the ledger a weapon', () => {
  let world: HostileWorld | undefined;
  beforeAll(async () => (world = await HostileWorld.start()), 60_000);
  afterAll(() => world?.close());

  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => world?.endure(kind));
  // Twice as much as elsewhere: the process that signs and floods is the one that measures.
});
