import type { Clock } from '../../base/clock.ts';
import { asFault, fault } from '../../base/errors.ts';
import { JOIN_TIMEOUT_MS } from '../../base/limits.ts';
import { parseEntry } from '../../entry/check.ts';
import type { RawEntry } from '../../entry/entry.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type Channel, checked, type Network, type PeerKey } from '../../network/network.ts';
import type { Authority } from '../authority/authority.ts';
import { judgeJoin } from './judge.ts';
import {
  decodeJoinAnswer,
  decodeJoinRequest,
  encodeJoinAnswer,
  encodeJoinRequest,
  JOIN_PROTOCOL,
  type JoinAnswer,
  refusalOf,
} from './messages.ts';

/** What letting in newcomers needs: the network they come by, the ledger that takes their joins, and who may join. */
export interface DoorPorts {
  readonly network: Pick<Network, 'handle'>;
  readonly ledger: Pick<Ledger, 'offer'>;
  readonly clock: Clock;
  readonly authority: Authority;
  /** Resolves when the book holds everything that the ledger holds. */
  caughtUp(): Promise<void>;
}

/** Lets in who redeems an invite: its join goes into the ledger by the same way as every entry. */
export const openDoor = (ports: DoorPorts): void =>
  ports.network.handle(JOIN_PROTOCOL, async (channel) => {
    const cancel = ports.clock.after(JOIN_TIMEOUT_MS, () =>
      channel.abort(fault('NETWORK_TIMEOUT', 'the caller asked nothing in time')),
    );
    try {
      await channel.send(encodeJoinAnswer(await letIn(ports, channel)));
    } finally {
      cancel();
      await channel.finish().catch(() => {});
    }
  });

const letIn = async (ports: DoorPorts, channel: Channel): Promise<JoinAnswer> => {
  try {
    const frame = await firstFrame(channel);
    const raw = checked(channel, () => decodeJoinRequest(frame));
    const entry = parseEntry(raw);
    await ports.caughtUp();
    const view = { authority: ports.authority, peer: channel.peer, nowMs: ports.clock.wallMs() };
    const wrong = judgeJoin(view, entry);
    if (wrong !== undefined) return refusalOf(wrong.error, wrong.again);
    const [taken] = await ports.ledger.offer([raw], channel.peer);
    if (taken?.verdict !== 'accept' && taken?.code !== 'LEDGER_DUPLICATE')
      return refusalOf(fault(taken?.code ?? 'INTERNAL', taken?.text ?? 'the ledger did not take it'), true);
    await ports.caughtUp();
    // Another node's join of the same invite may have come in between.
    const lost = judgeJoin(view, entry);
    return lost === undefined ? { kind: 'welcome' } : refusalOf(lost.error, lost.again);
  } catch (caught) {
    const error = asFault(caught);
    return refusalOf(error, !/^(?:ENTRY|JOIN)_/.test(error.code));
  }
};

const firstFrame = async (channel: Channel): Promise<Uint8Array> => {
  for await (const frame of channel) return frame;
  throw fault('NETWORK_CHANNEL_CLOSED', 'the caller asked nothing');
};

/** Asks one peer to be let in. Throws `NETWORK_…`, `JOIN_MALFORMED`. */
export const askToJoin = async (
  network: Pick<Network, 'request'>,
  peer: PeerKey,
  entry: RawEntry,
  signal: AbortSignal,
): Promise<JoinAnswer> => {
  const options = { timeoutMs: JOIN_TIMEOUT_MS, signal };
  return decodeJoinAnswer(await network.request(peer, JOIN_PROTOCOL, encodeJoinRequest(entry), options));
};
