import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { HoldfastError } from '../../../src/base/errors.ts';
import { QUERY_CHUNK_BYTES_MAX, QUERY_FRAME_BYTES } from '../../../src/base/limits.ts';
import {
  decodeQuery,
  encodeControl,
  encodeQuery,
  errorMessage,
  FRAME_PIECE,
  tagged,
} from '../../../src/query/remote/messages.ts';
import { ASKED, framesOf, receive } from '../../../src/query/remote/state.ts';

const NEED = '"needs":[],"behind":"refuse","cluster":"c","elsewhere":[]';
const accepted = receive(ASKED, encodeControl({ kind: 'accepted', behind: 0 })).state;

describe('messages on the wire', () => {
  // As they are today: a change here is a change of the protocol's major version.
  test.each([
    [
      'query',
      encodeQuery({
        dbms: 'd',
        sql: 'SELECT "a" FROM "t"',
        timeoutMs: 1000,
        needs: [['o', [[1, 4]]]],
        behind: 'refuse',
        cluster: 'c',
        elsewhere: ['p'],
      }),
      '{"dbms":"d","sql":"SELECT \\"a\\" FROM \\"t\\"","timeoutMs":1000,"needs":[["o",[[1,4]]]],"behind":"refuse","cluster":"c","elsewhere":["p"]}',
    ],
    ['accepted', encodeControl({ kind: 'accepted', behind: 0 }), '\u0002{"kind":"accepted","behind":0}'],
    ['end', encodeControl({ kind: 'end', rows: 7, held: [] }), '\u0002{"kind":"end","rows":7,"held":[]}'],
    ['behind', encodeControl({ kind: 'behind', files: 3 }), '\u0002{"kind":"behind","files":3}'],
    [
      'error',
      encodeControl(errorMessage(new HoldfastError('SQL_SYNTAX', 'no', { hint: 'yes', data: { secret: 1 } }))),
      '\u0002{"kind":"error","code":"SQL_SYNTAX","text":"no","hint":"yes"}',
    ],
    ['rows', framesOf(Buffer.from('[[1,1.0,"x",null]]'))[0], '\u0001[[1,1.0,"x",null]]'],
  ])('%s', (_, frame, text) => {
    expect(Buffer.from(frame ?? []).toString()).toBe(text);
  });

  test.each([
    '', 'null', '{}', '{"dbms":"d","sql":"x"}', `{"dbms":"d","sql":"x","timeoutMs":0,${NEED}}`,
    `{"dbms":"d","sql":"x","timeoutMs":1,"more":1,${NEED}}`, `{"dbms":1,"sql":"x","timeoutMs":1,${NEED}}`,
    `{"dbms":"d","sql":"${'x'.repeat(70_000)}","timeoutMs":1,${NEED}}`, '\u00ff{',
    '{"dbms":"d","sql":"x","timeoutMs":1,"needs":[["o",[[4,1]]]],"behind":"refuse","cluster":"c","elsewhere":[]}',
    '{"dbms":"d","sql":"x","timeoutMs":1,"needs":[],"behind":"perhaps","cluster":"c","elsewhere":[]}', `{"dbms":"d","sql":"x","timeoutMs":1,"needs":[],"behind":"refuse"}`,
  ])('a malformed query is refused: %j', (text) => {
    expect(() => decodeQuery(Buffer.from(text, 'latin1'))).toThrow(
      expect.objectContaining({ code: 'QUERY_MESSAGE_MALFORMED' }) as Error,
    );
  }); // prettier-ignore
});

describe('receiving', () => {
  test('a chunk comes back whole from its frames, whatever its size', () => {
    const sizes = fc.oneof(
      fc.nat({ max: 10 }),
      fc.integer({ min: -2, max: 2 }).map((off) => 2 * QUERY_FRAME_BYTES + off),
    );
    fc.assert(
      fc.property(sizes, (size) => {
        const chunk = Buffer.alloc(size, 7);
        let state = accepted;
        const chunks = framesOf(chunk).flatMap((frame) => {
          const step = receive(state, frame);
          state = step.state;
          return step.chunk === undefined ? [] : [step.chunk];
        });
        expect(chunks).toHaveLength(1);
        expect(Buffer.compare(chunks[0] ?? Buffer.alloc(0), chunk)).toBe(0);
        expect(state).toEqual(accepted);
      }),
      { numRuns: 30 },
    );
  });

  test('pieces without end are refused at the bound', () => {
    const piece = tagged(FRAME_PIECE, Buffer.alloc(QUERY_FRAME_BYTES));
    let state = accepted;
    const take = (): void => {
      for (let bytes = 0; bytes <= QUERY_CHUNK_BYTES_MAX; bytes += QUERY_FRAME_BYTES)
        state = receive(state, piece).state;
    };
    expect(take).toThrow(expect.objectContaining({ code: 'QUERY_MESSAGE_MALFORMED' }) as Error);
    expect(state.pieceBytes).toBeLessThanOrEqual(QUERY_CHUNK_BYTES_MAX);
  });

  test('any frames end in a state or in a typed error', () => {
    const frame = fc
      .tuple(fc.nat({ max: 3 }), fc.uint8Array({ maxLength: 20 }))
      .map(([tag, bytes]) => tagged(tag, bytes));
    fc.assert(
      fc.property(fc.array(frame), (frames) => {
        let state = accepted;
        try {
          for (const each of frames) state = receive(state, each).state;
        } catch (caught) {
          expect(caught).toMatchObject({ code: 'QUERY_MESSAGE_MALFORMED' });
        }
      }),
    );
  });
});
