import { describe, expect, test } from 'vitest';
import { parseChunk } from '../../../src/query/answer.ts';
import { FRAME_CHUNK_END, FRAME_PIECE, tagged } from '../../../src/query/remote/messages.ts';
import { ASKED, receive } from '../../../src/query/remote/state.ts';

describe('rows of another node', () => {
  test('come in the width that was asked for', () => {
    expect(parseChunk(Buffer.from('[[1,"a"],[null,2.5]]'), 2)).toEqual([
      [1, 'a'],
      [null, 2.5],
    ]);
    expect(parseChunk(Buffer.from('[[9007199254740993]]'), 1)).toEqual([[9_007_199_254_740_993n]]);
  });

  test.each(['[[1]]', '[[1,2],[3]]', '[[1,2,3]]', '[[1,[2]]]', '[[1,true]]', '[1,2]', '{}', '[['])(
    '%s is malformed',
    (text) => {
      expect(() => parseChunk(Buffer.from(text), 2)).toThrow(
        expect.objectContaining({ code: 'QUERY_ANSWER_MALFORMED' }),
      );
    },
  );

  test.each([FRAME_PIECE, FRAME_CHUNK_END])('before the acceptance are refused (frame %i)', (kind) => {
    expect(() => receive(ASKED, tagged(kind, Buffer.from('[[1]]')))).toThrow(
      expect.objectContaining({ code: 'QUERY_MESSAGE_MALFORMED' }),
    );
  });
});
