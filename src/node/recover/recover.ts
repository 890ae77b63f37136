import { join } from 'node:path';
import { sleep } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import { writeFileDurably } from '../../base/files.ts';
import { RECOVER_PEERS_WAIT_MS } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { joinAddress } from '../../base/host.ts';
import type { CommandContext } from '../../command/context.ts';
import { faultsOf } from '../../command/health/faults.ts';
import { healthFacts } from '../../command/health/gather.ts';
import { type CommandExecutor, createSession } from '../../command/executor.ts';
import type { Operator } from '../../operator/operator.ts';
import { reading } from '../../operator/store/read-procedures.ts';
import type { Replication } from '../../replication/replication.ts';
import type { Recovery } from './prepare.ts';
import { missingOf, progressOf } from './report.ts';

/** The node that is recovered, and how commands are run on it. */
export interface RecoverPorts {
  readonly context: CommandContext;
  readonly executor: CommandExecutor;
  readonly recovery: Recovery;
  /** Whether a start script runs afterwards. */
  readonly hasScript: boolean;
  readonly replication: () => Replication | undefined;
  readonly signal: AbortSignal;
  readonly log: Logger;
}

const LOOK_MS = 1_000;

/** The commands that run a recovered operator where no script says how; kept as a script for later starts. */
const commandsOf = (operator: string): readonly string[] => [
  `run operator where policy = ${operator} and create_table = true and update_tsd_info = true and archive = true and distributor = true`,
  'run data distributor',
  'run data consumer where start_date = -100y',
];

/**
 * Takes everything back from the peers: the ledger, then every file of the operator's cluster, its own included. Says
 * how far it is, once a second. Resolves with what is to be said at the end. `POLICY_UNKNOWN`, `NODE_REPLACED_ALIVE` …
 */
export const recover = async (ports: RecoverPorts): Promise<string> => {
  const { context, recovery, hasScript, executor, log } = ports;
  await takeLedger(ports);
  const operator = await takePolicy(ports);
  if (operator === undefined) {
    await recovery.done();
    return `recovered ${context.facts.name} entries=${context.ledger.size} files=0 rows=0 missing=0`;
  }
  const run = (text: string): Promise<unknown> => executor.execute({ text, format: 'text', session: createSession() });
  for (const command of commandsOf(operator)) await run(command);
  const missing = await takeFiles(ports, operator);
  for (const line of missing) log.warn(`missing: ${line}`);
  const totals = context.operator()?.status();
  if (hasScript) await run('exit operator');
  else {
    const script = join(context.facts.directories.root, 'operator.al');
    await writeFileDurably(script, `${commandsOf(operator).join('\n')}\n`);
    log.info(`runs the operator as usual; for later starts: --script ${script}`);
  }
  await recovery.done();
  const counts = `entries=${context.ledger.size} files=${totals?.files ?? 0} rows=${totals?.rows ?? 0}`;
  return `recovered ${context.facts.name} ${counts} missing=${missing.length}`;
};

/** Until a peer was asked and none that is connected holds more. */
const takeLedger = async ({ context, log, signal }: RecoverPorts): Promise<void> => {
  const { ledger, ledgerSync, policies, clock } = context;
  for (;;) {
    const connected = ledgerSync.peers().filter((peer) => peer.connected);
    const behind = Math.max(0, ...connected.map((peer) => peer.behind));
    const asked = connected.length > 0 && connected.every(({ lastExchangeMs }) => lastExchangeMs !== undefined);
    const entries =
      connected.length === 0
        ? 'ledger: no peer is reached yet'
        : `ledger: ${ledger.size} of ${ledger.size + behind} entries`;
    log.info([entries, ...refusalsOf(context)].join('; '));
    if (ledger.network !== undefined && asked && behind === 0) break;
    await sleep(clock, LOOK_MS, signal);
  }
  await policies.caughtUp();
};

/** Why nothing comes, where that is known. */
const refusalsOf = (context: CommandContext): readonly string[] =>
  faultsOf(healthFacts(context, () => true))
    .filter(({ code }) => code === 'ADMISSION_BY_INVITE' || code === 'KEY_REVOKED')
    .map(({ cause, nextStep }) => `${cause}: ${nextStep}`);

/** The operator policy that this node runs from now on; undefined where it runs none. */
const takePolicy = async (ports: RecoverPorts): Promise<string | undefined> => {
  const { context, recovery, log } = ports;
  const { network, policies } = context;
  const id = recovery.operator ?? context.topology().operatorByPeer(network.self)?.id;
  if (id === undefined) return undefined;
  const state = policies.book.get(id);
  if (state?.type !== 'operator')
    throw fault('POLICY_UNKNOWN', `the network has no operator policy with the id ${id}`, {
      hint: 'see on another node: blockchain get operator',
    });
  const { peer } = state.value;
  if (peer === network.self) return id;
  if (typeof peer === 'string') await assertGone(ports, id, peer);
  await policies.update(id, { peer: network.self, ...(typeof peer === 'string' ? { replaces: peer } : {}) });
  log.info(`took over the operator policy ${id}${typeof peer === 'string' ? ` from the key ${peer}` : ''}`);
  return id;
};

/** Two nodes under one policy would give the same numbers to different files. */
const assertGone = async ({ context, signal }: RecoverPorts, id: string, peer: string): Promise<void> => {
  const { network } = context;
  const operator = context.topology().operators.get(id);
  const hosts = new Set([operator?.ip, operator?.localIp].filter((host) => host !== undefined));
  // Dialled here: the policy may be news to what keeps dialling, and who was not dialled is not gone.
  const answers = [...hosts].map((host) =>
    network.dial({ address: joinAddress({ host, port: operator?.port ?? 0 }), key: peer }, { signal }).then(
      () => true,
      () => false,
    ),
  );
  const isUp = (await Promise.all(answers)).includes(true);
  signal.throwIfAborted();
  if (isUp || network.peers().some(({ key }) => key === peer))
    throw fault('NODE_REPLACED_ALIVE', `the node with the key ${peer}, which is to be replaced, is up`, {
      hint: 'stop it first; only a node that is gone is replaced',
    });
};

/** Until nothing that a reached peer holds is lacking; says what nobody gave back. */
const takeFiles = async (ports: RecoverPorts, self: string): Promise<readonly string[]> => {
  const { context, signal } = ports;
  const { clock } = context;
  let sinceMs = clock.monotonicMs();
  let before = 0;
  for (;;) {
    const [operator, replication] = [context.operator(), ports.replication()];
    if (operator === undefined || replication === undefined)
      throw fault('COMMAND_NOT_RUNNING', 'the operator was stopped during the recovery', {
        hint: 'start the node again',
      });
    const rows = await showProgress(ports, operator, replication, before);
    const peers = replication.peers();
    const lacking = peers.some(({ filesAhead }) => filesAhead > 0);
    const all = peers.length > 0 && peers.every(({ lastExchange }) => lastExchange !== undefined);
    if (lacking || rows > before) sinceMs = clock.monotonicMs();
    before = rows;
    if (!lacking && (all || clock.monotonicMs() - sinceMs > RECOVER_PEERS_WAIT_MS))
      return missingNow(context, operator, replication, self);
    await sleep(clock, LOOK_MS, signal);
  }
};

/** One line an origin; returns the rows held. */
const showProgress = async (
  { context, log }: RecoverPorts,
  { store }: Operator,
  replication: Replication,
  before: number,
): Promise<number> => {
  const byOrigin = await context.sqlite.read(reading, 'rowsByOrigin');
  const rows = [...byOrigin.values()].reduce((sum, count) => sum + count, 0);
  const { operators } = context.topology();
  for (const { origin, files, filesKnown, rows: held } of progressOf(store.holdings(), replication.known(), byOrigin))
    log.info(`files of ${operators.get(origin)?.name ?? origin}: ${files} of ${filesKnown}, ${held} rows`);
  log.info(`${rows} rows, ${Math.max(0, rows - before)} rows/s`);
  return rows;
};

const missingNow = async (
  context: CommandContext,
  { store }: Operator,
  replication: Replication,
  self: string,
): Promise<readonly string[]> => {
  const { operators, clusters } = context.topology();
  const cluster = clusters.get(operators.get(self)?.cluster ?? '');
  const compared = new Set(
    replication.peers().flatMap(({ operator, lastExchange }) => (lastExchange === undefined ? [] : [operator])),
  );
  return missingOf({
    own: store.holdings(),
    operators: new Map(
      (cluster?.operators ?? []).map(({ id, name }) => [id, { name, compared: compared.has(id) }] as const),
    ),
    self,
    tables: (cluster?.tables ?? []).map(({ dbms, table }) => `${dbms}.${table}`),
    tablesHeld: new Set(await context.sqlite.read(reading, 'tablesHeld')),
  });
};
