import type { Clock } from '../../base/clock.ts';
import { asFault, fault } from '../../base/errors.ts';
import { QUERIES_SERVED_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import type { RowChunk } from '../procedures.ts';
import {
  decodeQuery,
  encodeControl,
  encodeQuery,
  errorMessage,
  QUERY_PROTOCOL,
  type QueryMessage,
} from './messages.ts';
import { ASKED, framesOf, receive } from './state.ts';

/** Refuses by throwing at once; then chunks of the answer. What ends the loop early ends the work. */
export type AnswerQuery = (query: QueryMessage) => AsyncIterable<RowChunk>;

/** Told of an answer while it comes in. What `chunk` throws ends it. */
export interface AnswerListener {
  accepted(): void;
  /** Rows as a JSON array of arrays; returns how many there are. */
  chunk(bytes: Uint8Array): number;
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
      await serve(channel, answer(query));
    } catch (caught) {
      const problem = asFault(caught);
      log.debug('a query of another node failed', { peer: channel.peer, code: problem.code, error: problem.message });
      await channel.send(encodeControl(errorMessage(problem))).catch(() => {});
    } finally {
      cancel();
      served -= 1;
      await channel.finish().catch(() => {});
    }
  });
};

const serve = async (channel: Channel, chunks: AsyncIterable<RowChunk>): Promise<void> => {
  await channel.send(encodeControl({ kind: 'accepted' }));
  let rows = 0;
  for await (const chunk of chunks) {
    rows += chunk.rows;
    for (const frame of framesOf(chunk.bytes)) await channel.send(frame);
  }
  await channel.send(encodeControl({ kind: 'end', rows }));
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
    if (control?.kind === 'accepted') listener.accepted();
    if (control?.kind === 'error')
      throw fault(control.code, control.text, control.hint === undefined ? {} : { hint: control.hint });
    if (control?.kind === 'end') {
      if (control.rows !== rows)
        throw fault('QUERY_MESSAGE_MALFORMED', `an operator sent ${rows} rows and counted ${control.rows}`);
      await channel.finish().catch(() => {});
      return rows;
    }
  }
  throw fault('QUERY_ANSWER_CUT', 'the operator ended in the middle of its answer');
};
