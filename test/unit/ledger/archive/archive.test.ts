import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  ARCHIVE_ANSWERS_PER_PEER_MAX,
  ARCHIVE_LACKED_MS,
  ARCHIVE_QUESTIONS_BURST_MAX,
  ARCHIVE_STALL_MS,
  SYNC_SERVED_SPARE,
} from '../../../../src/base/limits.ts';
import {
  ARCHIVE_PROTOCOL,
  type ArchiveAnswer,
  decodeArchiveAnswer,
  decodeArchiveQuestion,
  encodeArchiveAnswer,
  encodeArchiveQuestion,
  encodeBodies,
  encodeLeaves,
} from '../../../../src/ledger/archive/messages.ts';
import type { Channel } from '../../../../src/network/network.ts';
import { type ArchiveWorld, createArchiveWorld, dropBody } from '../../../support/archive-world.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../../fixtures/wire/archive/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const writtenAgain = (answer: ArchiveAnswer): Uint8Array => {
  if (answer.answer === 'bodies') return encodeBodies(answer.bodies);
  return answer.answer === 'leaves' ? encodeLeaves(answer.leaves) : encodeArchiveAnswer(answer);
};

/** Reads a frame of the golden vectors, and writes it again. */
const codecOf = (line: string): { readonly frame: Buffer; readonly read: () => Uint8Array } => {
  const [from, encoded = ''] = line.split(' ');
  const frame = Buffer.from(encoded, 'base64');
  return from === 'asks'
    ? { frame, read: () => encodeArchiveQuestion(decodeArchiveQuestion(frame)) }
    : { frame, read: () => writtenAgain(decodeArchiveAnswer(frame)) };
};

describe(`the golden vectors of ${ARCHIVE_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    const { frame, read } = codecOf(line);
    expect(Buffer.from(read())).toEqual(frame);
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(codecOf(line).read).toThrow(expect.objectContaining({ code: 'LEDGER_ARCHIVE_MALFORMED' }));
  });
});

const namesOf = (world: ArchiveWorld): (string | undefined)[] => world.client.holders().map(({ name }) => name);

describe('bodies', () => {
  test('come from whoever has them, each once, as their authors signed them', async () => {
    const world = createArchiveWorld(600);
    await world.holder('b');
    const found = await world.fetch();
    expect(found.map(({ hash }) => hash)).toEqual(world.entries.map(({ hash }) => hash));
    for (const [at, { body }] of found.entries())
      expect(Buffer.from(body)).toEqual(Buffer.from(world.entries[at]!.raw.body));
  });

  test('what one lacks the next is asked for; R2 an erased one is given out by nobody', async () => {
    const world = createArchiveWorld();
    const [first, second, erased] = world.entries;
    const [b, c] = [await world.holder('b'), await world.holder('c')];
    b.held.delete(first!.hash);
    dropBody(c, second!.hash);
    for (const holder of [b, c]) dropBody(holder, erased!.hash);
    const found = await world.fetch();
    expect(new Set(found.map(({ hash }) => hash))).toEqual(
      new Set(world.entries.map(({ hash }) => hash).filter((hash) => hash !== erased!.hash)),
    );
  });

  test('of entries whose header is not held nothing is asked', async () => {
    const world = createArchiveWorld();
    const holder = await world.holder('b');
    expect(await world.fetch(['9'.repeat(64)])).toEqual([]);
    expect(holder.asked).toBe(0);
  });

  test('who has nothing of a batch is not asked for the next, and after the others for a while', async () => {
    const world = createArchiveWorld(600);
    const [empty, full] = [await world.holder('b'), await world.holder('c')];
    empty.held.clear();
    expect(await world.fetch()).toHaveLength(600);
    expect(empty.asked).toBe(256);
    expect(await world.fetch()).toHaveLength(600);
    expect(empty.asked).toBe(256);
    await world.clock.advance(ARCHIVE_LACKED_MS);
    full.keepsAll = false;
    expect(await world.fetch()).toHaveLength(600);
    expect(empty.asked).toBe(512);
  });

  test('a peer that falls silent is left for the next one', async () => {
    const world = createArchiveWorld();
    const says = encodeArchiveAnswer({ answer: 'keeps', all: true });
    await world.rogue('b', async (channel, question) => {
      if ((question as { ask: string }).ask === 'keeps') await channel.send(says);
      else await new Promise(() => {});
    });
    await world.holder('c');
    const startMs = world.clock.monotonicMs();
    expect(await world.fetch()).toHaveLength(20);
    expect(world.clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(ARCHIVE_STALL_MS);
    expect(world.network.expelled()).toEqual([]);
  });
});

test('who says at this moment that it has everything is asked anew', async () => {
  const world = createArchiveWorld();
  const [left, right] = [await world.holder('b'), await world.holder('c')];
  await world.holder('d', { keepsAll: false });
  await world.rogue('e', () => new Promise(() => {}));
  const confirmed = async (): Promise<readonly string[]> =>
    (await world.run(world.client.confirmed())).map(({ key }) => key);
  expect(await confirmed()).toEqual([left.network.self, right.network.self]);
  // The role alone is no answer.
  world.roles.add('d'.repeat(64));
  world.roles.add('f'.repeat(64));
  left.keepsAll = false;
  expect(world.client.holders().map(({ key }) => key)).toContain(left.network.self);
  expect(await confirmed()).toEqual([right.network.self]);
  expect(world.client.holders().map(({ key }) => key)).not.toContain(left.network.self);
});

describe('the settled state', () => {
  test('comes leaf by leaf, as the root has them', async () => {
    const world = createArchiveWorld(999);
    await world.holder('b');
    const leaves = await world.run(world.client.leaves(world.snapshot));
    expect(leaves?.map((leaf) => Buffer.from(leaf).toString())).toEqual(
      world.leaves.map((leaf) => Buffer.from(leaf).toString()),
    );
  });

  test('of a snapshot that is not held nobody is asked; who does not have it says so', async () => {
    const world = createArchiveWorld();
    const holder = await world.holder('b');
    expect(await world.run(world.client.leaves('6'.repeat(64)))).toBeUndefined();
    holder.states.clear();
    expect(await world.run(world.client.leaves(world.snapshot))).toBeUndefined();
    expect(world.network.expelled()).toEqual([]);
  });

  test('R3 what is left after an erasure makes another root: it is not given out', async () => {
    const world = createArchiveWorld();
    const holder = await world.holder('b');
    holder.states.set(world.snapshot, world.leaves.slice(1));
    expect(await world.run(world.client.leaves(world.snapshot))).toBeUndefined();
    expect(world.network.expelled()).toEqual([]);
  });
});

describe('whom to ask', () => {
  test('nodes with the role first, in reach before others, then those that say that they keep everything', async () => {
    const world = createArchiveWorld();
    await world.holder('b');
    await world.holder('c', { keepsAll: false });
    const d = await world.holder('d');
    world.roles.add('d'.repeat(64)).add('e'.repeat(64)).add(world.network.self);
    expect(namesOf(world)).toEqual(['node d', 'node b', 'node e']);
    await world.run(d.network.close());
    await world.clock.advance(10_000);
    expect(namesOf(world)).toEqual(['node b', 'node d', 'node e']);
  });

  test('a claim counts no more once the peer has lacked something', async () => {
    const world = createArchiveWorld();
    const b = await world.holder('b');
    b.held.delete(world.entries[0]!.hash);
    expect(namesOf(world)).toEqual(['node b']);
    await world.fetch();
    expect(namesOf(world)).toEqual([]);
  });
});

const sent =
  (...frames: readonly Uint8Array[]) =>
  async (channel: Channel) => {
    for (const frame of frames) await channel.send(frame);
  };

type Attack = (world: ArchiveWorld) => (channel: Channel) => Promise<void>;

/** A world with an honest holder and a rogue, which says that it keeps everything and then does something else. */
const attacked = async (attack: Attack): Promise<ArchiveWorld> => {
  const world = createArchiveWorld();
  const serve = attack(world);
  await world.rogue('b', async (channel, question) => {
    const { ask } = question as { ask: string };
    await (ask === 'keeps' ? sent(encodeArchiveAnswer({ answer: 'keeps', all: true })) : serve)(channel);
  });
  await world.holder('c');
  return world;
};

describe('R1 R4 a peer that does not answer as agreed is cut off, and another is asked', () => {
  const end = encodeArchiveAnswer({ answer: 'end' });
  const state = (leaves: number, bytes: number): Uint8Array => encodeArchiveAnswer({ answer: 'state', leaves, bytes });

  test.each<[string, Attack, string]>([
    ['rubbish', () => sent(Buffer.from('rubbish')), 'LEDGER_ARCHIVE_MALFORMED'],
    ['an answer to another question', () => sent(encodeArchiveAnswer({ answer: 'none' })), 'LEDGER_ARCHIVE_MALFORMED'],
    ['an empty frame of bodies, again and again', () => sent(Buffer.of(2)), 'LEDGER_ARCHIVE_MALFORMED'],
    [
      'a body that is cut off',
      (world) => sent(encodeBodies([{ hash: world.entries[0]!.hash, body: Buffer.alloc(9) }]).subarray(0, 40)),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    [
      'another body',
      (world) => sent(encodeBodies([{ hash: world.entries[0]!.hash, body: Buffer.from('{}') }])),
      'LEDGER_ARCHIVE_WRONG',
    ],
    [
      'a body that nobody asked for',
      () => sent(encodeBodies([{ hash: '9'.repeat(64), body: Buffer.from('{}') }])),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    [
      'a body twice',
      ({ entries: [entry] }) => sent(...[1, 2].map(() => encodeBodies([{ hash: entry!.hash, body: entry!.raw.body }]))),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    ['leaves where bodies are due', () => sent(state(1, 9), end), 'LEDGER_ARCHIVE_MALFORMED'],
  ])('bodies: %s', async (_, attack, code) => {
    const world = await attacked(attack);
    expect(new Set((await world.fetch()).map(({ hash }) => hash)).size).toBe(20);
    expect(world.network.expelled().map(({ key, code: why }) => [key[0], why])).toEqual([['b', code]]);
  });

  test.each<[string, Attack, string]>([
    ['other leaves', () => sent(state(1, 2), encodeLeaves([Buffer.from('{}')]), end), 'LEDGER_ARCHIVE_WRONG'],
    ['too few', ({ leaves }) => sent(state(20, 2_000), encodeLeaves(leaves.slice(1)), end), 'LEDGER_ARCHIVE_WRONG'],
    [
      'more than announced',
      ({ leaves }) => sent(state(19, 2_000), encodeLeaves(leaves), end),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    [
      'more bytes than announced',
      ({ leaves }) => sent(state(20, 100), encodeLeaves(leaves), end),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    ['none announced', ({ leaves }) => sent(encodeLeaves(leaves), end), 'LEDGER_ARCHIVE_MALFORMED'],
    ['announced twice', () => sent(state(1, 2), state(1, 2), end), 'LEDGER_ARCHIVE_MALFORMED'],
    [
      'more than anybody takes',
      () => sent(Buffer.concat([Buffer.of(1), Buffer.from('{"answer":"state","leaves":1000001,"bytes":1}')])),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
    [
      'an empty leaf',
      () => sent(state(1, 2), Buffer.concat([Buffer.of(3), Buffer.alloc(4)])),
      'LEDGER_ARCHIVE_MALFORMED',
    ],
  ])('leaves: %s', async (_, attack, code) => {
    const world = await attacked(attack);
    expect(await world.run(world.client.leaves(world.snapshot))).toHaveLength(20);
    expect(world.network.expelled().map(({ key, code: why }) => [key[0], why])).toEqual([['b', code]]);
  });

  test('an end in the middle, and silence, are no violations', async () => {
    const world = createArchiveWorld();
    await world.rogue('b', async () => {});
    await world.rogue('c', () => new Promise(() => {}));
    await world.clock.advance(ARCHIVE_STALL_MS);
    await world.holder('d');
    expect(await world.fetch()).toHaveLength(20);
    expect(world.network.expelled()).toEqual([]);
  });
});

describe('a peer that asks', () => {
  const asker = async (entries = 20) => {
    const world = createArchiveWorld(entries);
    const holder = await world.holder('b');
    const ask = async (frame: Uint8Array): Promise<Channel> => {
      const channel = await world.network.open('b'.repeat(64), ARCHIVE_PROTOCOL);
      await channel.send(frame);
      return channel;
    };
    return { world, holder, ask };
  };

  test.each([
    ['rubbish', Buffer.from('rubbish')],
    ['for nothing', Buffer.from('{"ask":"bodies","hashes":[]}')],
    [
      'for too much',
      encodeArchiveQuestion({ ask: 'bodies', hashes: Array.from({ length: 257 }, () => '9'.repeat(64)) }),
    ],
    ['for more than this version knows', Buffer.from('{"ask":"keeps","since":1}')],
  ])('%s is cut off', async (_, frame) => {
    const { world, holder, ask } = await asker();
    await world.run(ask(frame));
    await world.clock.advance(2_000);
    expect(holder.network.expelled().map(({ code }) => code)).toEqual(['LEDGER_ARCHIVE_MALFORMED']);
  });

  test('without end is cut off', async () => {
    const { world, holder, ask } = await asker();
    const question = encodeArchiveQuestion({ ask: 'keeps' });
    await world
      .run(
        (async () => {
          for (let number = 0; number <= 2 * ARCHIVE_QUESTIONS_BURST_MAX; number += 100)
            await Promise.all(Array.from({ length: 100 }, () => ask(question).catch(() => undefined)));
        })(),
      )
      .catch(() => {});
    await world.clock.advance(2_000);
    expect(holder.network.expelled().map(({ code }) => code)).toEqual(['LEDGER_ARCHIVE_FLOOD']);
  });

  test('for the same over and over waits for the end of each answer', async () => {
    const { world, holder, ask } = await asker(250);
    const question = encodeArchiveQuestion({ ask: 'bodies', hashes: world.entries.map(({ hash }) => hash) });
    const askOnce = async (): Promise<number> => {
      const startMs = world.clock.monotonicMs();
      const channel = await ask(question);
      for await (const frame of channel) if (Buffer.from(frame).includes('"end"')) break;
      return world.clock.monotonicMs() - startMs;
    };
    const enough = Math.ceil((2 * world.entries.length + SYNC_SERVED_SPARE) / world.entries.length);
    const askAll = async (): Promise<number> => {
      let ms = 0;
      for (let number = 0; number < enough; number += 1) ms += await world.run(askOnce());
      return ms / enough;
    };
    const atFirst = await askAll();
    // 250 entries at 1,000 a second, less what the way takes.
    expect((await askAll()) - atFirst).toBeGreaterThan(100);
    expect(holder.network.expelled()).toEqual([]);
  });

  test('for several things at once is refused some of them, and stays', async () => {
    const { world, holder, ask } = await asker();
    const question = encodeArchiveQuestion({ ask: 'bodies', hashes: world.entries.map(({ hash }) => hash) });
    const hold = Promise.withResolvers<undefined>();
    holder.waits = hold.promise;
    const channels = await world.run(
      Promise.all(Array.from({ length: ARCHIVE_ANSWERS_PER_PEER_MAX + 2 }, () => ask(question))),
    );
    await world.clock.advance(100);
    hold.resolve(undefined);
    const first = await world.run(Promise.all(channels.map((channel) => channel[Symbol.asyncIterator]().next())));
    const refused = first.filter(
      ({ value }) => value !== undefined && Buffer.from(value as Uint8Array).includes('LEDGER_ARCHIVE_BUSY'),
    );
    expect(refused).toHaveLength(2);
    expect(holder.network.expelled()).toEqual([]);
  });
});
