import { sized } from '../../base/disk-monitor.ts';
import { LAG_SHOWN_MS } from '../../base/limits.ts';
import type { HealthFacts, OperatorFacts } from './facts.ts';
import { BY_ITSELF, type FaultKind, files, seconds, when } from './kind.ts';

const ofOperator =
  (causes: (operator: OperatorFacts, facts: HealthFacts) => ReturnType<FaultKind['causes']>) =>
  (facts: HealthFacts): ReturnType<FaultKind['causes']> =>
    facts.operator === undefined ? [] : causes(facts.operator, facts);

/** That files are lacking, of which some are on their way: a large one takes its time, and nothing is to be mended. */
const underWay = (lacking: string, count: number, moving: number): string | { cause: string; nextStep: string } => {
  if (moving === 0) return lacking;
  const cause = `${lacking}; ${moving} of them ${moving === 1 ? 'is' : 'are'} under way`;
  return moving < count ? cause : { cause, nextStep: 'wait: its rows are being sent or stored' };
};

const inCluster = (facts: HealthFacts, process: 'distributor' | 'consumer'): readonly string[] =>
  facts.peers
    .filter((peer) => peer.inCluster && peer.processes?.operator === true && !peer.processes[process])
    .map(({ name }) => `${name} runs an operator of this cluster without a ${process}`);

/** What may be at fault with the operator of this node, or with others of its cluster. */
export const OPERATOR_KINDS = {
  OPERATOR_OFF: {
    areas: ['distributor', 'consumer'],
    nextStep: 'run operator where policy = ID, run data distributor, run data consumer where start_date = DATE',
    causes: ({ idleOperator: id }) =>
      id === undefined
        ? []
        : [
            {
              cause: `this node has the operator policy ${id} and runs no operator: it takes no data and answers no queries`,
              nextStep: `run operator where policy = ${id} and create_table = true and update_tsd_info = true and archive = true and distributor = true, run data distributor, run data consumer where start_date = -10y; a file of such lines, told once at a start by --script FILE, runs at each start`,
            },
          ],
  },
  OPERATOR_UNFILLED: {
    areas: ['consumer'],
    nextStep: 'wait until it has what its peers hold (get consumer), or start the consumer with an earlier start_date',
    causes: ofOperator(({ filled, awaited }) =>
      awaited.length > 0
        ? [
            {
              cause: `this operator was restored or recovered: it answers no queries and takes no data before it has heard of ${awaited.join(', ')}, which may hold more of its files`,
              nextStep:
                'start these operators; the policy of one that is gone for good: blockchain delete policy where id = ID; where that is no way, start this node with --restored alone',
            },
          ]
        : when(!filled, 'this operator is filling up: other operators answer the queries'),
    ),
  },
  DISTRIBUTOR_OFF: {
    areas: ['distributor'],
    nextStep: 'run data distributor',
    causes: ofOperator(({ distributor, peers }) =>
      when(!distributor && peers.length > 0, 'this operator hands new data to its peers only when they ask'),
    ),
  },
  CONSUMER_OFF: {
    areas: ['consumer'],
    nextStep: 'run data consumer where start_date = DATE',
    causes: ofOperator(({ consumer, peers }) =>
      when(consumer === undefined && peers.length > 0, 'this operator asks its peers for none of what it lacks'),
    ),
  },
  CONSUMER_SUSPENDED: {
    areas: ['consumer'],
    nextStep: 'set consumer mode = active',
    causes: ofOperator(({ consumer }) => when(consumer === 'suspend', 'the consumer is suspended')),
  },
  MEMBER_WITHOUT_DISTRIBUTOR: {
    areas: ['distributor'],
    nextStep: 'on that node: run data distributor',
    causes: (facts) => inCluster(facts, 'distributor'),
  },
  MEMBER_WITHOUT_CONSUMER: {
    areas: ['consumer'],
    nextStep: 'on that node: run data consumer where start_date = DATE',
    causes: (facts) => inCluster(facts, 'consumer'),
  },
  MEMBER_WITHOUT_OPERATOR: {
    areas: ['distributor', 'consumer'],
    nextStep: 'on that node: run operator where policy = ID, run data distributor, run data consumer',
    causes: ({ peers }) =>
      peers
        .filter(({ inCluster: of, processes }) => of && processes?.operator === false)
        .map(({ name }) => `${name} has an operator policy of this cluster and runs no operator`),
  },
  PEER_BEHIND: {
    areas: ['distributor'],
    nextStep: 'see its disk, its consumer and the way to it: get distributor',
    causes: ofOperator(({ peers }) =>
      peers
        .filter(({ filesBehind, lagMs }) => filesBehind > 0 && lagMs >= LAG_SHOWN_MS)
        .map(({ name, filesBehind, filesLeaving, lagMs }) =>
          underWay(
            `${name} lacks ${files(filesBehind)} of this operator for ${seconds(lagMs)}`,
            filesBehind,
            filesLeaving,
          ),
        ),
    ),
  },
  BEHIND_PEER: {
    areas: ['consumer'],
    nextStep: 'see the consumer, the disk and the way to that peer: get consumer',
    causes: ofOperator(({ peers }) =>
      peers
        .filter(({ filesAhead, lagMs }) => filesAhead > 0 && lagMs >= LAG_SHOWN_MS)
        .map(({ name, filesAhead, filesArriving, lagMs }) =>
          underWay(
            `this operator lacks ${files(filesAhead)} of ${name} for ${seconds(lagMs)}`,
            filesAhead,
            filesArriving,
          ),
        ),
    ),
  },
  FILES_OUT_OF_REACH: {
    areas: ['consumer'],
    nextStep:
      'start that operator, or mend the way to it; until then answers from here say that files are lacking (Behind)',
    causes: ofOperator(({ peers }) =>
      peers
        .filter(({ filesAway }) => filesAway > 0)
        .map(
          ({ name, filesAway }) =>
            `${files(filesAway)} that ${name} held when it was last heard of ${filesAway === 1 ? 'is' : 'are'} neither here nor with an operator in reach`,
        ),
    ),
  },
  REPLICATION_FAILED: {
    areas: ['distributor', 'consumer'],
    nextStep: 'mend what the error names; it is tried again all the time',
    causes: ofOperator(({ peers }) =>
      peers
        .filter(({ connected, lastError }) => connected && lastError !== undefined)
        .map(({ name, lastError }) => `${name}: ${lastError ?? ''}`),
    ),
  },
  FILES_WAIT: {
    nextStep: `see the disk, the rights of the watch directory and the limits of this process (ulimit); ${BY_ITSELF}`,
    causes: ofOperator(({ watchFailure }) => when(watchFailure !== undefined, watchFailure ?? '')),
  },
  FILES_FAILED: {
    nextStep:
      'see: get tsd errors; correct the file, split one that is too large, and move it from the error directory into the watch directory',
    causes: ofOperator(({ failures: [newest, ...older] }) =>
      newest === undefined
        ? []
        : [
            `${files(older.length + 1)} of the last day ${older.length === 0 ? 'lies' : 'lie'} in the error directory, newest ${newest.path}: ${newest.text}`,
          ],
    ),
  },
  FAILED_FILES_PILED: {
    nextStep:
      'look them through (get tsd errors), and correct or remove them; what lies in the watch directory still goes there',
    causes: ofOperator(({ failed }) =>
      when(
        failed.isFull,
        `${failed.dir} holds ${sized(failed.bytes)} in ${files(failed.files)}: of data that a sender is refused no copies are kept any more`,
      ),
    ),
  },
  DATABASE_DAMAGED: {
    areas: ['consumer'],
    nextStep: 'its files come again from the peers; look after the disk, then remove the file that was set aside',
    causes: ofOperator(({ setAside }) => setAside.map((path) => `a database was damaged and lies in ${path}`)),
  },
  FILES_DAMAGED: {
    areas: ['consumer'],
    nextStep: 'connect a peer of the cluster, it gives them again; see: get scrub',
    causes: ofOperator(({ damages: [first, ...others] }) =>
      first === undefined
        ? []
        : [`${files(others.length + 1)} damaged, first file ${first.file} of ${first.origin}: ${first.text}`],
    ),
  },
  SCRUB_FAILED: {
    nextStep: 'see: get scrub; it is tried again',
    causes: ofOperator(({ scrubError }) => when(scrubError !== undefined, scrubError ?? '')),
  },
  TABLE_DROP_WAITS: {
    nextStep: `mend what the cause names; ${BY_ITSELF}, and until then queries of the table are left to the other operators`,
    causes: ofOperator(({ dropFailure }) => when(dropFailure !== undefined, dropFailure ?? '')),
  },
} as const satisfies Readonly<Record<string, FaultKind>>;
