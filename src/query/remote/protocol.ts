import type { Clock } from '../../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../../base/errors.ts';
import { QUERIES_SERVED_MAX, QUERY_LINE_IDLE_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import type { Holdings } from '../../operator/file-record.ts';
import { filesBehind } from '../behind.ts';
import type { RowChunk } from '../procedures.ts';
import {
  type ControlMessage,
  decodeEarlierQuery,
  decodeQuery,
  type EarlierQueryMessage,
  encodeControl,
  errorMessage,
  filesOf,
  QUERY_PROTOCOL,
  QUERY_PROTOCOL_BEFORE,
  type QueryMessage,
} from './messages.ts';
import { framesOf } from './state.ts';

/** What an operator answers with. */
export interface OperatorAnswer {
  /** Files that it knows to lack. */
  readonly behind: number;
  /** Whose rows were left out. */
  readonly left: readonly string[];
  /** What ends the loop early ends the work. */
  readonly chunks: AsyncIterable<RowChunk>;
  /** What the chunks were made from, once they are all made. */
  held(): Promise<Holdings>;
}

/** Refuses by rejecting. */
export type AnswerQuery = (query: QueryMessage | EarlierQueryMessage, asker: PeerKey) => Promise<OperatorAnswer>;

type Decode = (frame: Uint8Array) => QueryMessage | EarlierQueryMessage;

/**
 * Serves the query protocol: one query after the other on each channel. What `answer` throws travels to the asking node
 * as a typed error. A peer that does not take its rows is dropped when its own time-out has passed.
 */
export const serveQueries = (
  { network, clock, log }: { readonly network: Pick<Network, 'handle'>; readonly clock: Clock; readonly log: Logger },
  answer: AnswerQuery,
): void => {
  let served = 0;
  const serveOne = async (channel: Channel, frame: Uint8Array, decode: Decode): Promise<void> => {
    served += 1;
    let cancel: () => void = () => {};
    try {
      const query = checked(channel, () => decode(frame));
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
    }
  };
  const serveAll = async (channel: Channel, decode: Decode): Promise<void> => {
    let stopWaiting: () => void = () => {};
    try {
      for await (const frame of channel) {
        stopWaiting();
        await serveOne(channel, frame, decode);
        stopWaiting = clock.after(2 * QUERY_LINE_IDLE_MS, () =>
          channel.abort(fault('NETWORK_TIMEOUT', 'nothing more is asked')),
        );
      }
    } finally {
      stopWaiting();
      await channel.finish().catch(() => {});
    }
  };
  network.handle(QUERY_PROTOCOL_BEFORE, (channel) => serveAll(channel, decodeEarlierQuery));
  network.handle(QUERY_PROTOCOL, (channel) => serveAll(channel, decodeQuery));
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
  const left = answer.left.length > 0 ? { left: [...answer.left] } : {};
  await channel.send(encodeControl({ kind: 'end', rows, held: filesOf(await answer.held()), ...left }));
};
