import { fault, type HoldfastError } from '../../base/errors.ts';
import type { CommandOutput } from '../executor.ts';
import { answerMessage, parseMessage, replyHead } from './messages.ts';

/** What has come back so far. */
export type ReplyState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'reading'; readonly bytes: number; readonly got: number; readonly parts: readonly Uint8Array[] }
  | { readonly kind: 'refused'; readonly error: HoldfastError }
  | { readonly kind: 'done'; readonly output: CommandOutput };

/** The command was sent, nothing has come back. */
export const FIRST_REPLY_STATE: ReplyState = { kind: 'waiting' };

const finished = (state: ReplyState & { kind: 'reading' }): ReplyState => {
  if (state.got < state.bytes) return state;
  return { kind: 'done', output: parseMessage(answerMessage, Buffer.concat(state.parts)) };
};

/**
 * Takes the next frame. An error of the other node, under its own code, is an answer like any other. Throws
 * `COMMAND_REMOTE_MALFORMED` for frames against the protocol (more than was announced, anything after the end).
 */
export const takeFrame = (state: ReplyState, frame: Uint8Array): ReplyState => {
  switch (state.kind) {
    case 'waiting': {
      const head = parseMessage(replyHead, frame);
      if (head.ok) return { kind: 'reading', bytes: head.bytes, got: 0, parts: [] };
      const error = fault(head.code, head.text, head.hint === null ? {} : { hint: head.hint });
      return { kind: 'refused', error };
    }
    case 'reading': {
      const got = state.got + frame.byteLength;
      if (got > state.bytes || frame.byteLength === 0)
        throw fault('COMMAND_REMOTE_MALFORMED', `a node announced ${state.bytes} bytes and sent others`);
      return finished({ ...state, got, parts: [...state.parts, frame] });
    }
    case 'refused':
    case 'done':
      throw fault('COMMAND_REMOTE_MALFORMED', 'a node sent more after its answer');
  }
};

/**
 * Which commands another node may run here: `always` those that change nothing, `registered` those that change
 * something, `never` those that would reach into the process, its files or its environment, or send commands on.
 */
export type RemoteUse = 'always' | 'registered' | 'never';

/** Who asks, as far as it matters. */
export interface Asker {
  /** The key stands in a node policy in force. */
  readonly registered: boolean;
}

/** SPEC I1 to I3: whether a command of another node may run here. */
export const mayRun = (use: RemoteUse, asker: Asker, served: 'read' | 'registered'): boolean => {
  switch (use) {
    case 'always':
      return true;
    case 'registered':
      return served === 'registered' && asker.registered;
    case 'never':
      return false;
  }
};
