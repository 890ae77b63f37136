import { fault, type HoldfastError } from '../../base/errors.ts';
import { checked, type PeerKey } from '../../network/network.ts';
import type { Holdings } from '../../operator/file-record.ts';
import { behindFault } from '../behind.ts';
import type { Line, Lines } from './lines.ts';
import { encodeEarlierQuery, encodeQuery, type QueryMessage } from './messages.ts';
import { type AnswerState, type AnswerStep, ASKED, receive } from './state.ts';

/** Told of an answer while it comes in. What `chunk` throws ends it. */
export interface AnswerListener {
  /** The operator works on it; `behind`: files that it knows to lack. */
  accepted(behind: number): void;
  /** Rows as a JSON array of arrays; returns how many there are. */
  chunk(bytes: Uint8Array): number;
  /**
   * All rows were taken; `held`: the files that they were made from; `left`: whose rows were left out, of those who
   * count elsewhere.
   */
  ended(held: Holdings, left: readonly string[]): void;
}

/**
 * Asks one operator; resolves when all rows were taken, to their number. Rejects with the operator's error, with
 * `NETWORK_…`, `QUERY_MESSAGE_MALFORMED`, `QUERY_ANSWER_CUT`, or the signal's reason.
 */
export const askQuery = async (
  lines: Lines,
  peer: PeerKey,
  query: QueryMessage,
  listener: AnswerListener,
  signal: AbortSignal,
): Promise<number> => {
  const resting = lines.take(peer);
  if (resting !== undefined) {
    try {
      return await askOn(lines, resting, query, listener, signal);
    } catch (caught) {
      // It may have ended before the question arrived: then nothing has come, and it is asked on a new one.
      if (resting.heard || signal.aborted) throw caught;
    }
  }
  return askOn(lines, await lines.open(peer, signal), query, listener, signal);
};

const askOn = async (
  lines: Lines,
  line: Line,
  query: QueryMessage,
  listener: AnswerListener,
  signal: AbortSignal,
): Promise<number> => {
  const drop = (): void => line.channel.abort(signal.reason);
  signal.addEventListener('abort', drop, { once: true });
  let outcome: number | HoldfastError;
  try {
    signal.throwIfAborted();
    await line.ask(line.isEarlier ? encodeEarlierQuery(query) : encodeQuery(query));
    outcome = await takeAnswer(line, query, listener);
  } catch (caught) {
    line.channel.abort(caught);
    signal.throwIfAborted();
    throw caught;
  } finally {
    signal.removeEventListener('abort', drop);
  }
  lines.rest(line);
  if (typeof outcome === 'number') return outcome;
  throw outcome;
};

/** The number of rows, or why the operator does not answer. After either the channel takes another question. */
const takeAnswer = async (
  line: Line,
  { elsewhere }: QueryMessage,
  listener: AnswerListener,
): Promise<number | HoldfastError> => {
  let state = ASKED;
  let rows = 0;
  for (let frame = await line.next(); frame !== undefined; frame = await line.next()) {
    const step = receiveFrom(line, state, frame);
    const { chunk, control } = step;
    state = step.state;
    if (chunk !== undefined) rows += listener.chunk(chunk);
    if (control?.kind === 'accepted') listener.accepted(control.behind);
    if (control?.kind === 'behind') return behindFault(control.files);
    if (control?.kind === 'error')
      return fault(control.code, control.text, control.hint === undefined ? {} : { hint: control.hint });
    if (control?.kind === 'end') {
      if (control.rows !== rows)
        throw fault('QUERY_MESSAGE_MALFORMED', `an operator sent ${rows} rows and counted ${control.rows}`);
      const held = new Map(control.held);
      if (line.isEarlier && elsewhere.some((origin) => held.has(origin))) return countsOthers();
      listener.ended(held, control.left ?? []);
      return rows;
    }
  }
  throw fault('QUERY_ANSWER_CUT', 'the operator ended in the middle of its answer');
};

/** An operator of the version before leaves out nothing: with what it answers, rows would count twice. */
const countsOthers = (): HoldfastError =>
  fault('QUERY_OPERATOR_NOT_FILLED', 'its version counts rows of operators of other clusters that it holds', {
    hint: 'bring its node up to the version of this one',
  });

const receiveFrom = ({ channel }: Line, state: AnswerState, frame: Uint8Array): AnswerStep =>
  checked(channel, () => receive(state, frame));
