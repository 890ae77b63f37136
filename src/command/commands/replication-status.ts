import type { PeerReplication } from '../../replication/replication.ts';
import type { CommandContext } from '../context.ts';
import { faultLines, faultsOf } from '../health/faults.ts';
import { healthFacts } from '../health/gather.ts';
import type { Area } from '../health/kinds.ts';
import { define, type Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';
import type { Cell, Title } from '../table.ts';

const PEER_TITLES: readonly Title[] = [
  'Peer',
  'Member',
  'Connected',
  ['Files', 'Behind'],
  ['Files', 'Ahead'],
  ['Rows', 'Behind'],
  ['Rows', 'Ahead'],
  ['Lag', 'Seconds'],
  'Sent',
  'Received',
  ['Last', 'Exchange'],
  ['Last', 'Error'],
];

/**
 * A peer with its lag, where it is known. How many rows a file has that is only here or there, only its holder knows: a peer does not tell. Of one
 * that is away only what was lacking when it went: that nothing was says nothing of now.
 */
type PeerLag = Omit<PeerReplication, 'lacking' | LagOfFiles> &
  Readonly<Record<LagOfFiles | 'rowsBehind' | 'rowsAhead', number | null>>;
type LagOfFiles = 'filesBehind' | 'filesAhead' | 'lagMs';

const withRows = async (context: CommandContext, peers: readonly PeerReplication[]): Promise<readonly PeerLag[]> =>
  Promise.all(
    peers.map(async ({ lacking, ...peer }) => {
      const known = (lag: number): number | null => (peer.connected || lag > 0 ? lag : null);
      const rows = lacking.size === 0 ? 0 : ((await context.operator()?.store.countRows(lacking)) ?? 0);
      return {
        ...peer,
        ...{ filesBehind: known(peer.filesBehind), filesAhead: known(peer.filesAhead), lagMs: known(peer.lagMs) },
        ...{ rowsBehind: known(rows), rowsAhead: peer.filesAhead === 0 ? known(0) : null },
      };
    }),
  );

const peerCells = (peer: PeerLag): readonly Cell[] => [
  peer.name,
  peer.member,
  peer.connected ? '    +' : '',
  ...[peer.filesBehind, peer.filesAhead, peer.rowsBehind].map((lag) => lag ?? 'unknown'),
  peer.rowsAhead ?? (peer.filesAhead === null ? 'unknown' : 'not told'),
  peer.lagMs === null ? 'unknown' : Math.floor(peer.lagMs / 1_000),
  peer.sent,
  peer.received,
  peer.lastExchange ?? '',
  peer.lastError ?? '',
];

/** A process and its peers: the last error with each, so that replication never fails silently. */
const peersReply = async (
  context: CommandContext,
  area: Area,
  state: Readonly<Record<string, unknown>>,
  standing: readonly PeerReplication[] | undefined,
): Promise<Reply> => {
  const peers = standing && (await withRows(context, standing));
  const name = area === 'consumer' ? 'Consumer' : 'Distributor';
  const faults = faultsOf(healthFacts(context), area);
  const lines = faultLines(faults);
  const json = { process: name, running: peers !== undefined, ...state, peers: peers ?? [], faults };
  if (peers === undefined) return says(`${name}: Inactive${lines}`, json);
  const about = Object.entries(state).map(([key, value]) => `, ${key}: ${String(value)}`);
  const first = `${name}: Running${about.join('')}`;
  if (peers.length === 0) return says(`${first}\nNo peer Operators supporting the cluster${lines}`, json);
  const table = givesTable({ above: `${first}\n`, titles: PEER_TITLES, rows: peers.map(peerCells), json });
  return { ...table, text: `${table.text ?? ''}${lines}` };
};

/** How replication stands with each peer of the cluster. */
export const replicationStatusCommands = (): readonly Command[] => [
  define({
    patterns: ['get distributor'],
    method: 'GET',
    explanation: 'shows how each peer of the cluster stands with the push side, and the last error with it',
    examples: ['get distributor'],
    run: ({ context }) => peersReply(context, 'distributor', {}, context.distributor()?.peers()),
  }),
  define({
    patterns: ['get consumer'],
    method: 'GET',
    explanation: 'shows how each peer of the cluster stands with the pull side, and the last error with it',
    examples: ['get consumer'],
    run: ({ context }) => {
      const consumer = context.consumer();
      return peersReply(
        context,
        'consumer',
        consumer === undefined ? {} : { mode: consumer.mode, filled: consumer.filled },
        consumer?.peers(),
      );
    },
  }),
];
