import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sha256Hex } from '../../../src/codec/hash.ts';
import type { Place } from '../../../src/ledger/place.ts';
import { PlaceTable } from '../../../src/ledger/place-table.ts';

const hashOf = (number: number): string => sha256Hex(String(number));

const placeWith = (place: Partial<Place> & Pick<Place, 'cursor'>): Place => ({
  ...{ hash: hashOf(place.cursor), author: hashOf(-1 - (place.cursor % 3)), seq: place.cursor + 1, prev: null },
  ...{ time: 1_767_225_600_000_000 + place.cursor, parents: [], id: null },
  ...place,
});

/** All that a place says, as a plain object. */
const valueOf = (place: Place | undefined): Place | undefined =>
  place && {
    ...{ cursor: place.cursor, hash: place.hash, author: place.author, seq: place.seq, prev: place.prev },
    ...{ time: place.time, parents: place.parents, id: place.id },
  };

describe('places in columns', () => {
  it('gives back what it was given, whether what an entry names was there, came later or never came', () => {
    const number = fc.nat(150);
    const named = fc.record({
      prev: fc.option(number),
      parents: fc.array(number, { maxLength: 4 }),
      id: fc.option(fc.constantFrom('a', 'b', 'c')),
      seq: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(fc.array(named, { minLength: 1, maxLength: 140 }), (rows) => {
        const table = new PlaceTable();
        const places = rows.map(({ prev, parents, ...rest }, cursor) =>
          placeWith({ cursor, prev: prev === null ? null : hashOf(prev), parents: parents.map(hashOf), ...rest }),
        );
        for (const place of places) table.add(place);
        expect(table.size).toBe(places.length);
        for (const place of places) {
          expect(valueOf(table.at(place.cursor))).toEqual(place);
          expect(table.cursorOf(place.hash)).toBe(place.cursor);
        }
        for (const id of ['a', 'b', 'c']) {
          const newestFirst = places.filter((place) => place.id === id).reverse();
          expect(table.ofId(id).map(valueOf)).toEqual(newestFirst);
        }
      }),
    );
  });

  it('an entry that is set aside is not found, stays readable for who has it, and is named again once it is back', () => {
    const table = new PlaceTable();
    table.add(placeWith({ cursor: 0, id: 'a' }));
    table.skip();
    table.add(placeWith({ cursor: 2, prev: hashOf(0), parents: [hashOf(0)] }));
    const before = table.at(0);
    table.setAside(0);
    expect([table.at(0), table.cursorOf(hashOf(0)), table.at(1)]).toEqual([undefined, undefined, undefined]);
    expect(table.ofId('a')).toEqual([]);
    expect(before?.hash).toBe(hashOf(0));
    expect(table.at(2)?.prev).toBe(hashOf(0));
    expect(table.namedBy(2)).toEqual([]);
    table.add(placeWith({ cursor: 3, hash: hashOf(0), id: 'a' }));
    expect(table.cursorOf(hashOf(0))).toBe(3);
    expect(table.namedBy(2)).toEqual([3, 3]);
    expect(table.ofId('a').map(({ cursor }) => cursor)).toEqual([3]);
  });

  it('an entry that comes again takes the place of its older line', () => {
    const table = new PlaceTable();
    table.add(placeWith({ cursor: 0, id: 'a' }));
    table.add(placeWith({ cursor: 1, hash: hashOf(0), id: 'a' }));
    expect([table.isHeld(0), table.isHeld(1), table.cursorOf(hashOf(0))]).toEqual([false, true, 1]);
    expect(table.ofId('a').map(({ cursor }) => cursor)).toEqual([1]);
  });

  it('knows nothing of a cursor beyond the end, nor of what is no hash', () => {
    const table = new PlaceTable();
    table.add(placeWith({ cursor: 0 }));
    expect([table.at(1), table.at(-1)]).toEqual([undefined, undefined]);
    const other = ['', 'x', hashOf(0).toUpperCase(), `${hashOf(0)}0`, `g${hashOf(0).slice(1)}`, hashOf(9)];
    for (const hash of other) expect(table.cursorOf(hash)).toBeUndefined();
  });
});
