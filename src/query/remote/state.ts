import { fault } from '../../base/errors.ts';
import { QUERY_CHUNK_BYTES_MAX, QUERY_FRAME_BYTES } from '../../base/limits.ts';
import { type ControlMessage, decodeControl, FRAME_CHUNK_END, FRAME_CONTROL, FRAME_PIECE, tagged } from './messages.ts';

/** An answer that is being received. `pieces` are of the chunk that is not complete yet. */
export interface AnswerState {
  readonly phase: 'asked' | 'accepted' | 'ended';
  readonly pieces: readonly Uint8Array[];
  readonly pieceBytes: number;
}

/** The question was sent, nothing has come back. */
export const ASKED: AnswerState = { phase: 'asked', pieces: [], pieceBytes: 0 };

/** What one more frame brought. */
export interface AnswerStep {
  readonly state: AnswerState;
  /** A chunk that this frame completed. */
  readonly chunk?: Uint8Array;
  readonly control?: ControlMessage;
}

/**
 * Takes one frame of an answer. Holds at most `QUERY_CHUNK_BYTES_MAX`. Throws `QUERY_MESSAGE_MALFORMED` for a frame of
 * unknown kind, rows before the acceptance or after the end, and an end in the middle of a chunk (SPEC Q2, Q3).
 */
export const receive = (state: AnswerState, frame: Uint8Array): AnswerStep => {
  const content = frame.subarray(1);
  switch (frame[0]) {
    case FRAME_PIECE:
    case FRAME_CHUNK_END:
      return receiveRows(state, frame[0], content);
    case FRAME_CONTROL:
      return receiveControl(state, decodeControl(content));
    default:
      throw malformed('a frame of unknown kind');
  }
};

const receiveRows = (state: AnswerState, tag: number, content: Uint8Array): AnswerStep => {
  if (state.phase !== 'accepted') throw malformed('rows outside of an answer');
  const pieceBytes = state.pieceBytes + content.byteLength;
  if (pieceBytes > QUERY_CHUNK_BYTES_MAX) throw malformed(`a chunk of more than ${QUERY_CHUNK_BYTES_MAX} bytes`);
  const pieces = [...state.pieces, content];
  if (tag === FRAME_PIECE) return { state: { ...state, pieces, pieceBytes } };
  const chunk = pieces.length === 1 ? content : Buffer.concat(pieces);
  return { state: { ...state, pieces: [], pieceBytes: 0 }, chunk };
};

const receiveControl = (state: AnswerState, control: ControlMessage): AnswerStep => {
  if (control.kind === 'error' || control.kind === 'behind') return { state: { ...ASKED, phase: 'ended' }, control };
  const expected = control.kind === 'accepted' ? 'asked' : 'accepted';
  if (state.phase !== expected || state.pieces.length > 0) throw malformed(`${control.kind} at the wrong place`);
  return { state: { ...state, phase: control.kind === 'accepted' ? 'accepted' : 'ended' }, control };
};

const malformed = (what: string) => fault('QUERY_MESSAGE_MALFORMED', `an operator sent ${what}`);

/** The frames that carry one chunk. */
export const framesOf = (chunk: Uint8Array): readonly Uint8Array[] => {
  const frames: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < chunk.byteLength; at += QUERY_FRAME_BYTES) {
    const last = at + QUERY_FRAME_BYTES >= chunk.byteLength;
    frames.push(tagged(last ? FRAME_CHUNK_END : FRAME_PIECE, chunk.subarray(at, at + QUERY_FRAME_BYTES)));
  }
  return frames;
};
