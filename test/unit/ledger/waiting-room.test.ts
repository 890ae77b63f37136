import { describe, expect, test } from 'vitest';
import type { Entry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import type { Candidate } from '../../../src/ledger/vouch.ts';
import { WaitingRoom } from '../../../src/ledger/waiting-room.ts';
import { createAuthor, genesisOf, seedOf } from '../../support/ledger-authors.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
const alice = createAuthor(1, genesis);
const log = Array.from({ length: 12 }, () => alice.next());
const from = (entry: Entry, sender: string): Candidate => ({ entry, from: sender, ownHolds: true, voucher: undefined });

describe('the waiting room', () => {
  test('when full takes from the sender with the largest share, its oldest first', () => {
    const room = new WaitingRoom(4);
    room.put(from(log[0]!, 'honest'), ['x'], undefined);
    for (const entry of log.slice(1, 9)) room.put(from(entry, 'greedy'), ['y'], undefined);
    expect(room.size).toBe(4);
    expect(
      log
        .map(({ hash }) => room.has(hash))
        .map(Number)
        .join(''),
    ).toBe('100000111000');
  });

  test('is bounded in bytes too', () => {
    const bytes = log.slice(0, 2).reduce((sum, { raw }) => sum + raw.header.byteLength + raw.body.byteLength + 64, 0);
    const room = new WaitingRoom(100, bytes + 100);
    for (const entry of log.slice(0, 6)) room.put(from(entry, 'a'), ['x'], undefined);
    expect(room.size).toBe(2);
  });

  test('names what is missed, except what waits itself', () => {
    const room = new WaitingRoom();
    room.put(from(log[1]!, 'a'), [log[0]!.hash, 'p'], undefined);
    room.put(from(log[0]!, 'a'), ['q'], undefined);
    expect([...room.missed()].sort()).toEqual(['p', 'q']);
    expect(room.isMissed(log[0]!.hash)).toBe(true);
    expect(room.takeFollowers('q').map(({ entry }) => entry.hash)).toEqual([log[0]!.hash]);
    expect([...room.missed()].sort()).toEqual([log[0]!.hash, 'p'].sort());
  });

  test('an entry that is put again counts once', () => {
    const room = new WaitingRoom();
    room.put(from(log[0]!, 'a'), ['x'], undefined);
    room.put(from(log[0]!, 'b'), ['y'], undefined);
    expect(room.size).toBe(1);
    expect([...room.missed()]).toEqual(['y']);
    room.take(log[0]!.hash);
    expect([room.size, [...room.missed()], room.rivals(alice.author, log[0]!.header.seq)]).toEqual([0, [], []]);
  });

  test('gives back what is due, in time', () => {
    const room = new WaitingRoom();
    room.put(from(log[0]!, 'a'), [], 30);
    room.put(from(log[1]!, 'a'), [], 20);
    expect([room.heldBack, room.nextDueMicros()]).toEqual([2, 20]);
    expect(room.takeDue(19)).toEqual([]);
    expect(room.takeDue(20).map(({ entry }) => entry.hash)).toEqual([log[1]!.hash]);
    expect([room.heldBack, room.nextDueMicros()]).toEqual([1, 30]);
  });

  test('gives back what became void, where others build on it, and drops the rest', () => {
    const room = new WaitingRoom();
    room.put(from(log[1]!, 'a'), ['x'], undefined);
    room.put(from(log[2]!, 'a'), ['x'], undefined);
    room.put(from(log[3]!, 'a'), [log[2]!.hash], undefined);
    const bob = createAuthor(2, genesis).next({ parents: [log[2]!.hash] });
    room.put(from(bob, 'a'), [log[2]!.hash], undefined);
    expect(room.takeVoid(alice.author, log[2]!.header.seq).map(({ entry }) => entry.hash)).toEqual([log[2]!.hash]);
    expect([log[1]!, log[2]!, log[3]!, bob].map(({ hash }) => room.has(hash))).toEqual([true, false, false, true]);
  });
});
