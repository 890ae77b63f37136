import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, test } from 'vitest';
import { COMMAND_PROTOCOL } from '../../src/command/remote/messages.ts';
import { ARCHIVE_PROTOCOL, encodeBodies } from '../../src/ledger/archive/messages.ts';
import { TWINS_PROTOCOL } from '../../src/ledger/twins/messages.ts';
import { JOIN_PROTOCOL } from '../../src/policy/admission/messages.ts';
import { INTRODUCE_PROTOCOL } from '../../src/policy/introduction/messages.ts';
import { QUERY_PROTOCOL } from '../../src/query/remote/messages.ts';
import { WITNESS_PROTOCOL } from '../../src/receipt/messages.ts';
import { COMMITTED_PROTOCOL } from '../../src/replication/committed/messages.ts';
import { SCRUB_PROTOCOL } from '../../src/replication/scrub/messages.ts';
import { encodeTransfer, TRANSFER_PROTOCOL } from '../../src/replication/transfer/messages.ts';
import { PING_PROTOCOL } from '../../src/network/liveness.ts';
import { framed, lengthPrefix } from '../support/hostile-peer.ts';
import { BORNE, cutOff, HostileWorld, type Kind } from '../support/hostile-world.ts';

/** Every protocol in which a node answers questions, with the error for what is none. */
const QUESTIONS: readonly (readonly [name: string, protocol: string, why: RegExp, tag: number | undefined])[] = [
  ['query', QUERY_PROTOCOL, /QUERY_MESSAGE_MALFORMED/, undefined],
  ['command', COMMAND_PROTOCOL, /COMMAND_REMOTE_MALFORMED/, undefined],
  ['transfer', TRANSFER_PROTOCOL, /TRANSFER_MALFORMED/, undefined],
  ['scrub', SCRUB_PROTOCOL, /REPLICATION_SCRUB_MALFORMED/, undefined],
  ['committed', COMMITTED_PROTOCOL, /REPLICATION_COMMITTED_MALFORMED/, undefined],
  ['archive', ARCHIVE_PROTOCOL, /LEDGER_ARCHIVE_MALFORMED/, undefined],
  ['twins', TWINS_PROTOCOL, /LEDGER_TWINS_MALFORMED/, undefined],
  ['witness', WITNESS_PROTOCOL, /RECEIPT_MESSAGE_MALFORMED/, 1],
  ['introduce', INTRODUCE_PROTOCOL, /JOIN_MALFORMED/, undefined],
  ['join', JOIN_PROTOCOL, /JOIN_MALFORMED/, undefined],
];

const withTag = (tag: number | undefined, payload: Uint8Array): Uint8Array =>
  tag === undefined ? payload : Buffer.concat([Buffer.of(tag), payload]);

const KINDS: readonly Kind[] = [
  ...QUESTIONS.flatMap(([name, protocol, why, tag]): Kind[] => [
    {
      name: `${name}: random bytes`,
      verdict: cutOff(why),
      attack: (peer) => peer.frames(protocol, Buffer.concat([Buffer.of(0xff), randomBytes(500)])),
    },
    {
      name: `${name}: deep JSON`,
      verdict: cutOff(why),
      attack: (peer) => peer.frames(protocol, withTag(tag, Buffer.from('['.repeat(400_000) + ']'.repeat(400_000)))),
    },
    {
      name: `${name}: JSON that is no question`,
      verdict: cutOff(why),
      attack: (peer) => peer.frames(protocol, withTag(tag, Buffer.from('{"kind":"nothing","x":[1,2,3]}'))),
    },
    {
      name: `${name}: a frame of 4 GiB is announced`,
      verdict: cutOff(/NETWORK_FRAME_OVERSIZE/),
      attack: async (peer) => void (await peer.stream(protocol)).send(lengthPrefix(0xffffffff)),
    },
    {
      name: `${name}: an end in the middle of a frame`,
      verdict: BORNE,
      attack: async (peer) => {
        const stream = await peer.stream(protocol);
        stream.send(Buffer.concat([lengthPrefix(100), randomBytes(10)]));
        await stream.close();
      },
    },
  ]),
  {
    name: 'archive: asked whether it keeps everything, a body of an entry that nobody asked for',
    verdict: cutOff(/LEDGER_ARCHIVE_MALFORMED/),
    serve: {
      [ARCHIVE_PROTOCOL]: (stream) => {
        stream.send(framed(encodeBodies([{ hash: 'a'.repeat(64), body: randomBytes(100) }])));
      },
    },
    // Every peer is asked when it comes.
    attack: async () => {},
  },
  {
    name: 'transfer: a file before the greeting',
    verdict: cutOff(/TRANSFER_MALFORMED/),
    attack: (peer) => peer.frames(TRANSFER_PROTOCOL, encodeTransfer({ type: 'done', id: 1 })),
  },
  {
    name: 'transfer: an operator that it is not',
    verdict: BORNE,
    attack: (peer) =>
      peer.frames(TRANSFER_PROTOCOL, encodeTransfer({ type: 'hello', job: 'pull', operator: 'somebody' })),
  },
  {
    name: 'command: one that changes the node',
    verdict: BORNE,
    attack: (peer) => peer.frames(COMMAND_PROTOCOL, Buffer.from('{"text":"exit node","format":null}')),
  },
  {
    name: 'ping: longer than any',
    verdict: cutOff(/NETWORK_FRAME_OVERSIZE/),
    attack: (peer) => peer.frames(PING_PROTOCOL, randomBytes(5_000)),
  },
  {
    name: 'ping: without end, the answers unread',
    verdict: cutOff(/NETWORK_FLOOD/),
    attack: async (peer) => {
      const stream = await peer.stream(PING_PROTOCOL);
      const pings = Buffer.concat(Array.from({ length: 1_000 }, () => framed(Buffer.alloc(0))));
      await peer.pour(stream, pings);
    },
  },
];

describe('a node among peers that send garbage on every protocol that it serves', () => {
  let world: HostileWorld | undefined;
  beforeAll(async () => (world = await HostileWorld.start()), 60_000);
  afterAll(() => world?.close());

  test.each(KINDS.map((kind) => [kind.name, kind] as const))('%s', (_, kind) => world?.endure(kind));
});
