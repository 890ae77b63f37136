import type { PeerReplication } from '../../replication/replication.ts';
import type { CommandContext } from '../context.ts';
import { faultLines, faultsOf } from '../health/faults.ts';
import { healthFacts } from '../health/gather.ts';
import type { Area } from '../health/kind.ts';
import { peerFor } from '../health/reach.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
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
 * A peer with its lag, where it is known. How many rows a file has that is not here, only its holder knows: it follows
 * from how much the peer holds in all, as it said some seconds ago, once that agrees with the files. Of a peer that is
 * away only what it lacked as last heard of: that this was nothing says nothing of now.
 */
type PeerLag = Omit<PeerReplication, 'lacking' | LagOfFiles> &
  Readonly<Record<LagOfFiles | 'rowsBehind' | 'rowsAhead', number | null>>;
type LagOfFiles = 'filesBehind' | 'filesAhead' | 'lagMs';

/** Undefined totals, or totals of a moment at which other files were held, tell nothing. Pure. */
export const rowsAheadOf = (
  peer: { readonly files: number; readonly rows: number } | undefined,
  own: { readonly files: number; readonly rows: number },
  lag: { readonly filesAhead: number; readonly filesBehind: number; readonly rowsBehind: number },
): number | null => {
  if (peer === undefined || peer.files - own.files !== lag.filesAhead - lag.filesBehind) return null;
  const rows = peer.rows - own.rows + lag.rowsBehind;
  return rows >= 0 ? rows : null;
};

const rowsAhead = (
  context: CommandContext,
  { operator, filesAhead, filesBehind }: Omit<PeerReplication, 'lacking'>,
  rowsBehind: number,
): number | null => {
  const own = context.operator()?.status();
  const key = context.topology().operators.get(operator)?.peer;
  const view = context.watched?.().peers.find(({ peer }) => peer === key);
  return own === undefined ? null : rowsAheadOf(view?.held, own, { filesAhead, filesBehind, rowsBehind });
};

const withRows = async (context: CommandContext, peers: readonly PeerReplication[]): Promise<readonly PeerLag[]> =>
  Promise.all(
    peers.map(async ({ lacking, ...peer }) => {
      const known = (lag: number): number | null => (peer.connected || lag > 0 ? lag : null);
      const rows = lacking.size === 0 ? 0 : ((await context.operator()?.store.countRows(lacking)) ?? 0);
      return {
        ...peer,
        ...{ filesBehind: known(peer.filesBehind), filesAhead: known(peer.filesAhead), lagMs: known(peer.lagMs) },
        ...{ rowsBehind: known(rows), rowsAhead: peer.filesAhead === 0 ? known(0) : rowsAhead(context, peer, rows) },
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
  { context, mayReach }: Call<OptionTable>,
  area: Area,
  state: Readonly<Record<string, unknown>>,
  standing: readonly PeerReplication[] | undefined,
): Promise<Reply> => {
  const peers = standing && (await withRows(context, standing.map(peerFor(mayReach))));
  const name = area === 'consumer' ? 'Consumer' : 'Distributor';
  const faults = faultsOf(healthFacts(context, mayReach), area);
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
    filtered: true,
    run: (call) => peersReply(call, 'distributor', {}, call.context.distributor()?.peers()),
  }),
  define({
    patterns: ['get consumer'],
    method: 'GET',
    explanation: 'shows how each peer of the cluster stands with the pull side, and the last error with it',
    examples: ['get consumer'],
    filtered: true,
    run: (call) => {
      const consumer = call.context.consumer();
      return peersReply(
        call,
        'consumer',
        consumer === undefined ? {} : { mode: consumer.mode, filled: consumer.filled },
        consumer?.peers(),
      );
    },
  }),
];
