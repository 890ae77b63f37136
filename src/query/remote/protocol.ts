import type { Clock } from '../../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { QUERIES_SERVED_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import type { Holdings } from '../../operator/file-record.ts';
import { behindFault, filesBehind } from '../behind.ts';
import type { RowChunk } from '../procedures.ts';
import {
  type ControlMessage,
  decodeQuery,
  encodeControl,
  encodeQuery,
  errorMessage,
  filesOf,
  QUERY_PROTOCOL,
  type QueryMessage,
} from './messages.ts';
import { ASKED, framesOf, receive } from './state.ts';

/** What an operator answers with. */
export interface OperatorAnswer {
  /** Files that it knows to lack. */
  readonly behind: number;
  /** What ends the loop early ends the work. */
  readonly chunks: AsyncIterable<RowChunk>;
  /** What the chunks were made from, once they are all made. */
  held(): Promise<Holdings>;
}

/** Refuses by rejecting. */
export type AnswerQuery = (query: QueryMessage, asker: PeerKey) => Promise<OperatorAnswer>;

/** Told of an answer while it comes in. What `chunk` throws ends it. */
export interface AnswerListener {
  /** The operator works on it; `behind`: files that it knows to lack. */
  accepted(behind: number): void;
  /** Rows as a JSON array of arrays; returns how many there are. */
  chunk(bytes: Uint8Array): number;
  /** All rows were taken; `held`: the files that they were made from. */
  ended(held: Holdings): void;
}

/**
 * Serves the query protocol: what `answer` throws travels to the asking node as a typed error. A peer that does not take
 * its rows is dropped when its own time-out has passed.
 */
export const serveQueries = (
  { network, clock, log }: { readonly network: Pick<Network, 'handle'>; readonly clock: Clock; readonly log: Logger },
  answer: AnswerQuery,
): void => {
  let served = 0;
  network.handle(QUERY_PROTOCOL, async (channel) => {
    const asked = await channel[Symbol.asyncIterator]().next();
    if (asked.done === true) return;
    served += 1;
    let cancel: () => void = () => {};
    try {
      const query = checked(channel, () => decodeQuery(asked.value));
      cancel = clock.after(query.timeoutMs, () => channel.abort(fault('QUERY_TIMEOUT', 'the time of the query is up')));
      if (served > QUERIES_SERVED_MAX)
        throw fault('QUERY_BUSY', `this operator answers ${QUERIES_SERVED_MAX} queries already`);
      await serve(channel, await answer(query, channel.peer));
    } catch (caught) {
      const problem = asFault(caught);
      log.debug('a query of another node failed', { peer: channel.peer, code: problem.code, error: problem.message });
      await channel.send(encodeControl(refusalOf(problem))).catch(() => {});
    } finally {
      cancel();
      served -= 1;
      await channel.finish().catch(() => {});
    }
  });
};

const refusalOf = (problem: HoldfastError): ControlMessage => {
  const files = filesBehind(problem);
  return files === undefined ? errorMessage(problem) : { kind: 'behind', files };
};

const serve = async (channel: Channel, answer: OperatorAnswer): Promise<void> => {
  await channel.send(encodeControl({ kind: 'accepted', behind: answer.behind }));
  let rows = 0;
  for await (const chunk of answer.chunks) {
    rows += chunk.rows;
    for (const frame of framesOf(chunk.bytes)) await channel.send(frame);
  }
  await channel.send(encodeControl({ kind: 'end', rows, held: filesOf(await answer.held()) }));
};

/**
 * Asks one operator; resolves when all rows were taken, to their number. Rejects with the operator's error, with
 * `NETWORK_…`, `QUERY_MESSAGE_MALFORMED`, `QUERY_ANSWER_CUT`, or the signal's reason.
 */
export const askQuery = async (
  network: Pick<Network, 'open'>,
  peer: PeerKey,
  query: QueryMessage,
  listener: AnswerListener,
  signal: AbortSignal,
): Promise<number> => {
  const channel = await network.open(peer, QUERY_PROTOCOL, { signal });
  const drop = (): void => channel.abort(signal.reason);
  signal.addEventListener('abort', drop, { once: true });
  try {
    signal.throwIfAborted();
    await channel.send(encodeQuery(query));
    return await takeAnswer(channel, listener);
  } catch (caught) {
    channel.abort(caught);
    signal.throwIfAborted();
    throw caught;
  } finally {
    signal.removeEventListener('abort', drop);
  }
};

const takeAnswer = async (channel: Channel, listener: AnswerListener): Promise<number> => {
  let state = ASKED;
  let rows = 0;
  for await (const frame of channel) {
    const { state: next, chunk, control } = checked(channel, () => receive(state, frame));
    state = next;
    if (chunk !== undefined) rows += listener.chunk(chunk);
    if (control?.kind === 'accepted') listener.accepted(control.behind);
    if (control?.kind === 'behind') throw behindFault(control.files);
    if (control?.kind === 'error')
      throw fault(control.code, control.text, control.hint === undefined ? {} : { hint: control.hint });
    if (control?.kind === 'end') {
      if (control.rows !== rows)
        throw fault('QUERY_MESSAGE_MALFORMED', `an operator sent ${rows} rows and counted ${control.rows}`);
      listener.ended(new Map(control.held));
      await channel.finish().catch(() => {});
      return rows;
    }
  }
  throw fault('QUERY_ANSWER_CUT', 'the operator ended in the middle of its answer');
};
