import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { fault, hasCode, textOf } from '../base/errors.ts';
import { splitAddress } from '../base/host.ts';
import { SCRIPT_WAIT_MS_MAX } from '../base/limits.ts';
import { acquire, type Resource, type ResourceStack } from '../base/lifecycle.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { StateFile } from '../base/state-file.ts';
import { Access } from '../command/access/access.ts';
import { noteRunning, runningNodesPath } from '../command/access/running-nodes.ts';
import { keepToken } from '../command/access/token-file.ts';
import { Users } from '../command/access/users.ts';
import type { CommandContext } from '../command/context.ts';
import { createExecutor } from '../command/create-executor.ts';
import { certificateMember } from '../policy/permissions/member-policies.ts';
import type { CommandExecutor } from '../command/executor.ts';
import { NETWORK_NONE_STEP } from '../command/health/kinds.ts';
import type { PeerWatch } from '../command/health/peer-watch.ts';
import { watchPeers } from './watch-peers.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { NodeConfig } from './config.ts';
import { type Outside, startFloors } from './floors.ts';
import { bookKnown } from './history-keeper.ts';
import { type NodeJson, nodeJsonText } from './node-facts.ts';
import { createDirectories, nodePaths, type NodePaths, takeDirectory } from './paths.ts';
import { prepareRecovery } from './recover/prepare.ts';
import { recover } from './recover/recover.ts';
import { remember } from './remember.ts';
import { runStartScript, sayUnready } from './start-script.ts';
import { takeOwnPolicies } from './rotation.ts';

/** How REST is started; given by the program, since front doors stand above this floor. */
export type StartRest = (options: {
  readonly host: string;
  readonly port: number;
  readonly node: string;
  readonly executor: CommandExecutor;
  readonly access: Access;
  readonly clock: Clock;
  readonly log: Logger;
  readonly tls: string | undefined;
}) => Promise<Resource & { readonly address: string; reloadTls(): Promise<void> }>;

/** What a node is started with beside its configuration. */
export interface Program {
  readonly version: string;
  readonly log: Logger;
  readonly startRest: StartRest;
  /** Aborted when the node is told to stop, also while it starts. */
  readonly stop: AbortSignal;
}

/** A node that has started; closing it ends all of it. */
export interface RunningNode extends Resource {
  readonly facts: NodeJson;
  /** The line that ends a recovery; rejects with why it cannot be done. Undefined where nothing is recovered. */
  readonly recovered: Promise<string> | undefined;
  /** Resolves when a command asks the node to end. */
  readonly exitAsked: Promise<void>;
  /** Reads REST's certificate and key again. `REST_TLS`. */
  reloadTls(): Promise<void>;
}

const checkScript = async (path: string): Promise<void> => {
  try {
    await readFile(path);
  } catch (caught) {
    throw fault('CONFIG_VALUE', `--script ${path} cannot be read: ${textOf(caught)}`, {
      hint: 'name a file of commands, one a line',
    });
  }
};

/** Resolves when the reachable peers were asked for the own log and the book holds it, or after a bound. */
const firstExchange = async ({ ledgerSync, policies, clock }: CommandContext, signal: AbortSignal): Promise<void> => {
  await ledgerSync.ownLogKnown(AbortSignal.timeout(SCRIPT_WAIT_MS_MAX)).catch(() => {
    // Nobody answers: the script runs on what is here.
  });
  await bookKnown(policies, clock, signal);
};

/** Writes `node.json` again once the node has joined its network. */
const noteNetwork = (ledger: Ledger, write: () => void): void => {
  const note = (): void => {
    if (ledger.network === undefined) return;
    ledger.notices.off('ledger:appended', note);
    write();
  };
  ledger.notices.on('ledger:appended', note);
};

/** Who may use REST: by the token in the node's directory, or as one of its users. */
const openAccess = async (
  { token, users }: NodePaths,
  { authentication }: NodeConfig,
  log: Logger,
  certificateMember: (key: string) => string | undefined,
): Promise<Access> =>
  new Access({
    certificateMember,
    clock: systemClock,
    token: await keepToken(token, systemRandom),
    tokenPath: token,
    users: await Users.open(users, { clock: systemClock, random: systemRandom }),
    ...{ authentication, log },
  });

/** Tells `holdfast exec` of the same user where this node's token is. Where there is no home, it has to be told. */
const noteForCommandLine = async (stack: ResourceStack, rest: string, dir: string, log: Logger): Promise<void> => {
  try {
    stack.defer(await noteRunning(runningNodesPath(), { rest, dir, pid: process.pid }));
  } catch (caught) {
    log.info(`holdfast exec does not find this node by itself, give it --dir: ${textOf(caught)}`);
  }
};

/**
 * Starts a node: directory, ledger, databases, network, policies, queries, commands, REST, in floor order; what a
 * failed start has taken is released. When everything listens, `DIR/node.json` is there (or follows once the disk takes
 * it); then the start script runs.
 */
export const startNode = async (config: NodeConfig, program: Program): Promise<RunningNode> => {
  try {
    return await startWithKey(config, program);
  } catch (caught) {
    if (!hasCode(caught, 'NODE_KEY_ROTATED')) throw caught;
    program.log.info(textOf(caught));
    return startWithKey(config, program);
  }
};

const starting = (): Promise<never> =>
  Promise.reject(fault('NODE_STARTING', 'the node is starting', { hint: 'try again in a moment' }));

/** What stands behind REST while it is only tried whether it can listen. */
const NOT_YET: CommandExecutor = { execute: starting, put: starting, methodOf: () => 'any', complete: () => [] };

const startWithKey = (config: NodeConfig, { version, log, startRest, stop }: Program): Promise<RunningNode> =>
  acquire(async (stack) => {
    // One that was told to an earlier start must not keep the node from starting: that it cannot be read is a fault
    // then.
    if (config.script !== undefined && !config.scriptRemembered) await checkScript(config.script);
    const paths = nodePaths(config.dir);
    await createDirectories(paths, log);
    // Before anything there is read or changed: a live node may be using it.
    const taken = stack.use(await takeDirectory(paths, log.child('ledger')));
    const recovery = await prepareRecovery(config, paths);
    const exit = Promise.withResolvers<undefined>();
    const bound: { rest?: string; peers?: PeerWatch; context?: CommandContext } = {};
    const access = await openAccess(paths, config, log.child('rest'), (key) =>
      bound.context === undefined ? undefined : certificateMember(bound.context.policies.book, key),
    );
    const stopping = new AbortController();
    const { name, script } = config;
    const restOptions = { ...splitAddress(config.rest), node: name, access, tls: config.restTls, clock: systemClock };
    const outside: Outside = {
      ...{ version, log, stop, access, taken, stopping: stopping.signal },
      tryRest: async () => (await startRest({ ...restOptions, executor: NOT_YET, log: silentLogger })).close(),
      exitNode: () => exit.resolve(undefined),
      restAddress: () => bound.rest,
      peerWatch: () => bound.peers,
    };
    const { context, replication, disk } = await startFloors(stack, config, paths, outside);
    bound.context = context;
    const executor = createExecutor(context);
    bound.peers = stack.use(watchPeers(context, executor));
    const rest = stack.use(await startRest({ ...restOptions, executor, log: log.child('rest') }));
    bound.rest = rest.address;
    const facts = (): NodeJson => ({
      peer: context.network.self,
      network: context.ledger.network ?? null,
      name,
      listen: context.network.address,
      rest: rest.address,
      pid: process.pid,
      ...(config.restTls === undefined ? {} : { tls: join(config.restTls, 'cert.pem') }),
    });
    await noteForCommandLine(stack, rest.address, config.dir, log);
    const stateFile = (path: string): StateFile => stack.use(new StateFile(path, { clock: systemClock, disk, log }));
    // Who looks there for where REST is must not find what was; after the file's own close, which may still write it.
    stack.defer(() => rm(paths.facts, { force: true }).catch(() => {}));
    const factsFile = stateFile(paths.facts);
    await factsFile.keep(nodeJsonText(facts()));
    await remember(stateFile(paths.start), config, context, stopping.signal);
    if (context.ledger.network === undefined && context.network.dialStates().length === 0)
      log.warn(`this node belongs to no network, and knows none to join: ${NETWORK_NONE_STEP}`);
    if (context.ledger.network === undefined)
      noteNetwork(context.ledger, () => void factsFile.keep(nodeJsonText(facts())));
    stack.defer(() => stopping.abort());
    const recovered =
      recovery === undefined
        ? undefined
        : recover({
            ...{ context, executor, recovery, replication, hasScript: script !== undefined },
            ...{ signal: stopping.signal, log: log.child('recover') },
          });
    const ready =
      recovered ??
      firstExchange(context, stopping.signal).then(() => takeOwnPolicies(context, paths, stopping.signal, log));
    if (script !== undefined)
      void runStartScript({
        ...{ executor, path: script, before: ready, outcome: context.startScript },
        ...{ clock: systemClock, log: log.child('script'), signal: stopping.signal },
      });
    else if (recovered === undefined) void sayUnready({ before: ready, log, signal: stopping.signal });
    return {
      ...{ facts: facts(), exitAsked: exit.promise, recovered },
      reloadTls: () => rest.reloadTls(),
      close: () => stack.close(),
    };
  });
