import type { Clock } from '../../base/clock.ts';
import { asFault, fault, textOf } from '../../base/errors.ts';
import { COMMITTED_ORIGINS_MAX, COMMITTED_RANGES_MAX, COMMITTED_TIMEOUT_MS } from '../../base/limits.ts';
import { type Channel, checked, type Network } from '../../network/network.ts';
import type { Holdings } from '../../operator/file-record.ts';
import type { OperatorInfo, Topology } from '../../topology/topology.ts';
import type { Replication } from '../replication.ts';
import {
  COMMITTED_PROTOCOL,
  type CommittedAnswer,
  type CommittedRequest,
  decodeCommittedAnswer,
  decodeCommittedRequest,
  encodeCommittedAnswer,
  encodeCommittedRequest,
  refusalOf,
} from './messages.ts';

/** Whom to ask what a cluster has committed, and what this node answers to it. */
export interface CommittedPorts {
  readonly network: Pick<Network, 'handle' | 'request'>;
  readonly clock: Clock;
  /** As it is now. */
  readonly topology: () => Pick<Topology, 'clusters' | 'operators'>;
  /** Whether an operator is believed to answer. A wrong belief costs at most `COMMITTED_TIMEOUT_MS`. */
  readonly isUp: (operator: OperatorInfo) => boolean;
  /** The operator (policy id) that this node runs and what it shares with its peers, if any. */
  readonly operating: () =>
    { readonly operator: string; readonly replication: Pick<Replication, 'committedRanges' | 'known'> } | undefined;
}

/**
 * Files that every active operator of a cluster is known to hold, by origin. `REPLICATION_COMMITTED_UNKNOWN` where no
 * operator says it: never a silent "none". Rejects with the signal's reason when it is aborted.
 */
export type CommittedOf = (cluster: string, signal?: AbortSignal) => Promise<Holdings>;

/**
 * Up to which file of each origin an operator of the cluster knows of any, as `[[1, file]]`; the own one where this
 * node runs one. Rejects as {@link CommittedOf} does.
 */
export type KnownOf = CommittedOf;

type Of = NonNullable<CommittedRequest['of']>;

/** Answers other nodes from now on, and asks them. Made once for a node: an operator may come and go. */
export const createCommitted = (
  ports: CommittedPorts,
): { readonly committedOf: CommittedOf; readonly knownOf: KnownOf } => {
  const { network, clock } = ports;
  network.handle(COMMITTED_PROTOCOL, async (channel) => {
    const cancel = clock.after(COMMITTED_TIMEOUT_MS, () =>
      channel.abort(fault('NETWORK_TIMEOUT', 'the caller asked nothing in time')),
    );
    try {
      const frame = await firstFrame(channel);
      const { cluster, of = 'committed' } = checked(channel, () => decodeCommittedRequest(frame));
      await channel.send(encodeCommittedAnswer(answerFor(ports, cluster, of)));
    } catch (caught) {
      await channel.send(encodeCommittedAnswer(refusalOf(asFault(caught)))).catch(() => {});
    } finally {
      cancel();
      await channel.finish().catch(() => {});
    }
  });
  const asking =
    (of: Of): CommittedOf =>
    async (cluster, signal) =>
      ownFiles(ports, cluster, of) ?? askCluster(ports, cluster, of, signal);
  return { committedOf: asking('committed'), knownOf: asking('known') };
};

const firstFrame = async (channel: Channel): Promise<Uint8Array> => {
  for await (const frame of channel) return frame;
  throw fault('NETWORK_CHANNEL_CLOSED', 'the caller asked nothing');
};

/** Undefined where this node runs no operator of the cluster, or does not know yet what one that is connected holds. */
const ownFiles = ({ operating, topology }: CommittedPorts, cluster: string, of: Of): Holdings | undefined => {
  const own = operating();
  if (own === undefined || topology().operators.get(own.operator)?.cluster !== cluster) return undefined;
  return of === 'committed' ? own.replication.committedRanges() : upToLast(own.replication.known());
};

const upToLast = (files: Holdings): Holdings =>
  new Map([...files].flatMap(([origin, ranges]) => ranges.slice(-1).map(([, last]) => [origin, [[1, last]]] as const)));

const answerFor = (ports: CommittedPorts, cluster: string, of: Of): CommittedAnswer => {
  const committed = ownFiles(ports, cluster, of);
  if (committed === undefined)
    throw fault(
      'REPLICATION_NOT_RUNNING',
      `no operator of the cluster ${cluster} runs on this node, or it has not heard yet what a connected one holds`,
    );
  // First those that have a place in the cluster: of others who asks cannot name the rows, and says how many files they
  // are.
  const members = (ports.topology().clusters.get(cluster)?.operators ?? []).map(({ id }) => id);
  const origins = [...new Set([...members, ...committed.keys()])].flatMap((id): [string, [number, number][]][] => {
    const ranges = (committed.get(id) ?? []).slice(0, COMMITTED_RANGES_MAX);
    return ranges.length === 0 ? [] : [[id, ranges.map(([from, to]) => [from, to])]];
  });
  return { kind: 'committed', origins: origins.slice(0, COMMITTED_ORIGINS_MAX) };
};

const askCluster = async (
  ports: CommittedPorts,
  id: string,
  of: Of,
  signal: AbortSignal | undefined,
): Promise<Holdings> => {
  const cluster = ports.topology().clusters.get(id);
  const failures: string[] = [];
  for (const operator of cluster?.operators ?? []) {
    if (!ports.isUp(operator)) continue;
    try {
      return await askOperator(ports, operator, { cluster: id, of }, signal);
    } catch (caught) {
      signal?.throwIfAborted();
      failures.push(`${operator.name}: ${textOf(caught)}`);
    }
  }
  const why = failures.length === 0 ? 'none of its operators is up' : failures.join('; ');
  throw fault(
    'REPLICATION_COMMITTED_UNKNOWN',
    `nobody says what the cluster ${cluster?.name ?? ''} (${id}) holds: ${why}`,
    {
      data: { cluster: id },
      hint:
        of === 'known'
          ? 'start an operator of the cluster'
          : 'start an operator of the cluster, or ask without `committed = true`',
    },
  );
};

const askOperator = async (
  { network }: CommittedPorts,
  { peer }: OperatorInfo,
  { cluster, of }: { readonly cluster: string; readonly of: Of },
  signal: AbortSignal | undefined,
): Promise<Holdings> => {
  if (peer === undefined) throw fault('NETWORK_NOT_CONNECTED', 'its key is not known: it has not been seen yet');
  const frame = encodeCommittedRequest(of === 'known' ? { cluster, of } : { cluster });
  const options = { timeoutMs: COMMITTED_TIMEOUT_MS, signal };
  const answer = decodeCommittedAnswer(await network.request(peer, COMMITTED_PROTOCOL, frame, options));
  if (answer.kind === 'refused') throw fault(answer.code, answer.text);
  return new Map(answer.origins);
};
