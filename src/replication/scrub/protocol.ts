import type { Clock } from '../../base/clock.ts';
import { asFault, fault } from '../../base/errors.ts';
import { SCRUB_TIMEOUT_MS, TRANSFER_HELLO_MS, TRANSFER_IDLE_MS } from '../../base/limits.ts';
import { type Channel, checked, type Network } from '../../network/network.ts';
import type { ByteBudget } from '../../operator/contents.ts';
import type { FileCopy } from '../../operator/file-record.ts';
import { bundlesOf } from '../transfer/bundle.ts';
import { TransferChannel } from '../transfer/protocol.ts';
import {
  decodeScrubAnswer,
  decodeScrubRequest,
  encodeScrubAnswer,
  encodeScrubRequest,
  refusal,
  SCRUB_PROTOCOL,
  type ScrubAnswer,
  type ScrubRequest,
} from './messages.ts';

/** What an operator answers, to a caller whose key is that. */
export interface ScrubService {
  answer(peer: string, request: ScrubRequest): Promise<Exclude<ScrubAnswer, { kind: 'copy' | 'refused' }> | FileCopy>;
}

const BUNDLE_ID = 1;

/** The one registration of the protocol with the network; between two operators callers are refused. */
export class ScrubEndpoint {
  readonly #clock: Clock;
  #service: ScrubService | undefined;

  constructor(network: Network, clock: Clock) {
    this.#clock = clock;
    network.handle(SCRUB_PROTOCOL, (channel) => this.#serve(channel));
  }

  /** Returns how to take it away again. */
  attach(service: ScrubService): () => void {
    this.#service = service;
    return () => {
      if (this.#service === service) this.#service = undefined;
    };
  }

  async #serve(channel: Channel): Promise<void> {
    const cancel = this.#clock.after(TRANSFER_HELLO_MS, () =>
      channel.abort(fault('NETWORK_TIMEOUT', 'the caller asked nothing in time')),
    );
    try {
      const frame = await nextFrame(channel[Symbol.asyncIterator]());
      const request = checked(channel, () => decodeScrubRequest(frame));
      cancel();
      if (this.#service === undefined) throw fault('REPLICATION_NOT_RUNNING', 'no operator runs on this node');
      const answer = await this.#service.answer(channel.peer, request);
      if ('kind' in answer) await channel.send(encodeScrubAnswer(answer));
      else {
        const { bundles, tooLarge } = bundlesOf([answer]);
        if (tooLarge[0] !== undefined) throw tooLarge[0].fault;
        await channel.send(encodeScrubAnswer({ kind: 'copy' }));
        const out = new TransferChannel(channel, this.#clock);
        for (const bundle of bundles) await out.sendBundle(BUNDLE_ID, bundle);
      }
    } catch (caught) {
      await channel.send(encodeScrubAnswer(refusal(asFault(caught)))).catch(() => {});
    } finally {
      cancel();
      await channel.finish().catch(() => {});
    }
  }
}

const nextFrame = async (frames: AsyncIterator<Uint8Array>): Promise<Uint8Array> => {
  const next = await frames.next();
  if (next.done === true) throw fault('NETWORK_CHANNEL_CLOSED', 'the peer finished without a message');
  return next.value;
};

/** What asking a peer about files needs. */
export interface ScrubAsking {
  readonly network: Network;
  readonly clock: Clock;
  /** Own operator policy id. */
  readonly self: string;
  /** For copies that arrive. */
  readonly room: ByteBudget;
}

const accepted = (frame: Uint8Array): Exclude<ScrubAnswer, { kind: 'refused' }> => {
  const answer = decodeScrubAnswer(frame);
  if (answer.kind === 'refused') throw fault('TRANSFER_REFUSED', answer.text, { data: { code: answer.code } });
  return answer;
};

/** Asks a peer what it holds, or to mend. `TRANSFER_REFUSED`, `NETWORK_…`, `REPLICATION_SCRUB_MALFORMED`. */
export const askScrub = async (
  { network }: ScrubAsking,
  peer: string,
  request: Extract<ScrubRequest, { kind: 'look' | 'mend' }>,
): Promise<Exclude<ScrubAnswer, { kind: 'refused' }>> =>
  accepted(await network.request(peer, SCRUB_PROTOCOL, encodeScrubRequest(request), { timeoutMs: SCRUB_TIMEOUT_MS }));

/** A copy of one file from a peer, its content compared with its digest; `leave` gives its room in memory back. */
export const fetchCopy = async (
  { network, clock, self, room }: ScrubAsking,
  peer: string,
  origin: string,
  file: number,
): Promise<{ readonly copy: FileCopy; readonly leave: () => void }> => {
  const channel = await network.open(peer, SCRUB_PROTOCOL, { timeoutMs: SCRUB_TIMEOUT_MS });
  const incoming = new TransferChannel(channel, clock);
  const frames = channel[Symbol.asyncIterator]();
  const cancel = clock.after(TRANSFER_IDLE_MS, () =>
    channel.abort(fault('TRANSFER_TIMEOUT', `the peer sent nothing for ${TRANSFER_IDLE_MS} ms`)),
  );
  try {
    await channel.send(encodeScrubRequest({ kind: 'copy', operator: self, origin, file }));
    const answer = accepted(await nextFrame(frames));
    cancel();
    if (answer.kind !== 'copy') throw fault('REPLICATION_SCRUB_MALFORMED', `${answer.kind} where a copy is due`);
    incoming.expect(TRANSFER_IDLE_MS);
    const first = await incoming.read();
    if (first === undefined) throw fault('NETWORK_CHANNEL_CLOSED', 'the peer finished before the copy');
    const { bundle, leave } = await incoming.readBundle(first, room);
    const [received] = bundle.files;
    if (received?.copy !== undefined && received.record.origin === origin && received.record.file === file)
      return { copy: received.copy, leave };
    leave();
    throw received?.fault ?? fault('REPLICATION_SCRUB_MALFORMED', 'the copy is not of the file that was asked for');
  } finally {
    cancel();
    channel.abort('the copy is here, or will not come');
  }
};
