import type { Clock } from '../base/clock.ts';
import { fault, type HoldfastError, textOf } from '../base/errors.ts';
import { CHANNEL_OPEN_TIMEOUT_MS } from '../base/limits.ts';
import type { Address, Channel, RequestOptions } from './network.ts';

/** The error for a caller who gave up by its own signal; undefined where it did not. */
export const abortedFault = ({ signal }: RequestOptions, cause?: unknown): HoldfastError | undefined =>
  signal?.aborted === true
    ? fault('NETWORK_ABORTED', `given up: ${textOf(signal.reason)}`, { cause: cause ?? signal.reason })
    : undefined;

/** The error for a caller who dials a peer that is kept out, or that keeps this node out. */
export const expelledFault = (address: Address): HoldfastError =>
  fault('NETWORK_EXPELLED', `the node at ${address} broke a protocol and is kept out for a while`, {
    data: { address },
    hint: 'see: get status; its program may be damaged, or somebody else has its key',
  });

/** What a peer did whose gossip was rejected. */
export const rejectedFault = (): HoldfastError =>
  fault('NETWORK_GOSSIP_REJECTED', 'it handed on by gossip what no honest node hands on');

/**
 * One frame there, one frame back, over a channel of its own. The whole is bounded by the time-out, the opening
 * included.
 */
export const exchange = async (
  clock: Clock,
  open: (options: RequestOptions) => Promise<Channel>,
  frame: Uint8Array,
  options: RequestOptions,
): Promise<Uint8Array> => {
  const timeoutMs = options.timeoutMs ?? CHANNEL_OPEN_TIMEOUT_MS;
  const endMs = clock.monotonicMs() + timeoutMs;
  const channel = await open({ ...options, timeoutMs });
  const timeout = fault('NETWORK_TIMEOUT', `${channel.peer} did not answer within ${timeoutMs} ms`);
  let stopped: unknown;
  const stop = (reason: unknown): void => {
    stopped ??= reason;
    channel.abort(reason);
  };
  const cancel = clock.after(Math.max(0, endMs - clock.monotonicMs()), () => stop(timeout));
  const onAbort = (): void => stop(abortedFault(options));
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    if (options.signal?.aborted === true) onAbort();
    await channel.send(frame);
    await channel.finish();
    for await (const answer of channel) return answer;
    throw fault('NETWORK_CHANNEL_CLOSED', `${channel.peer} closed the channel without an answer`);
  } catch (caught) {
    channel.abort(caught);
    throw stopped ?? caught;
  } finally {
    cancel();
    options.signal?.removeEventListener('abort', onAbort);
  }
};
