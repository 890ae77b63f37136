import { readFile } from 'node:fs/promises';
import type { TlsTarget } from './tls.ts';
import { join, resolve } from 'node:path';
import { fault, systemCode, textOf } from '../base/errors.ts';
import { findRunning, isOwnProcess, reaches, runningNodes, runningNodesPath } from '../command/access/running-nodes.ts';
import { readToken } from '../command/access/token-file.ts';

const DEFAULT_NODE = '127.0.0.1:32149';

/** Where commands go, and what they show there. */
export interface Target {
  /** `HOST:PORT` of the node's REST. */
  readonly node: string;
  /** Undefined where none is known: then the node says what it wants. */
  readonly token: string | undefined;
  /** What is shown and believed over TLS; absent for plain HTTP. */
  readonly tls?: TlsTarget;
}

/** Which node is meant and how it is spoken to, as typed: address or directory, token, files of TLS. */
export interface TargetOptions {
  readonly node?: string;
  readonly dir?: string;
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

const tokenIn = (dir: string): Promise<string | undefined> => readToken(join(dir, 'rest.token'));

/** Of what a node says of itself: where REST is, and its certificate where REST has TLS. */
interface NodeFacts {
  readonly rest: string;
  readonly tls: string | undefined;
  readonly pid: number | undefined;
  /** Where it listens for other nodes. */
  readonly listen: string | undefined;
}

const startIt = (dir: string): string =>
  `start it: holdfast start --dir ${dir}; if it runs elsewhere, name its REST address too: --node HOST:PORT`;

/** What the node that keeps its files there says of itself. `CLI_NODE_DIR`. */
const factsOf = async (dir: string): Promise<NodeFacts> => {
  try {
    const facts: unknown = JSON.parse(await readFile(join(dir, 'node.json'), 'utf8'));
    const { rest, tls, pid, listen } = (typeof facts === 'object' && facts !== null ? facts : {}) as Partial<NodeFacts>;
    if (typeof rest === 'string')
      return {
        rest,
        tls: typeof tls === 'string' ? tls : undefined,
        pid: typeof pid === 'number' ? pid : undefined,
        listen: typeof listen === 'string' ? listen : undefined,
      };
    throw new Error('node.json does not say where REST is');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT')
      throw fault('CLI_NODE_DIR', `no node runs in ${dir}: it has no node.json`, { hint: startIt(dir), cause: caught });
    throw fault('CLI_NODE_DIR', `${dir} is not the directory of a running node: ${textOf(caught)}`, {
      hint: 'name the --dir that the node was started with, or its REST address with --node HOST:PORT',
      cause: caught,
    });
  }
};

/**
 * As {@link factsOf} of one that runs: whoever listens where one that was killed did must not be shown its token.
 * `CLI_NODE_DIR`.
 */
const runningIn = async (dir: string): Promise<NodeFacts> => {
  const facts = await factsOf(dir);
  if (facts.pid === undefined || isOwnProcess(facts.pid)) return facts;
  throw fault('CLI_NODE_DIR', `the node in ${dir} does not run: no process ${facts.pid} of this user is here`, {
    hint: startIt(dir),
  });
};

const HTTPS = /^https:\/\//i;

type Environment = (name: string) => string | undefined;

/** Files of TLS as told by flags, else by the environment. */
const filesOf = ({ ca, cert, key }: TargetOptions, environment?: Environment): Omit<TlsTarget, 'pinned'> => ({
  ca: ca ?? environment?.('HOLDFAST_TLS_CA'),
  cert: cert ?? environment?.('HOLDFAST_TLS_CERT'),
  key: key ?? environment?.('HOLDFAST_TLS_KEY'),
});

const isGiven = ({ ca, cert, key }: Omit<TlsTarget, 'pinned'>): boolean => (ca ?? cert ?? key) !== undefined;

/** How TLS is spoken to the node: as told; else, on this machine, by the certificate that it says is its own. */
const tlsOf = (options: TargetOptions, here: NodeFacts | undefined, environment: Environment, isHttps: boolean) => {
  const told = filesOf(options);
  if (here?.tls !== undefined && options.ca === undefined) return { ...told, pinned: here.tls };
  if (here !== undefined && !isGiven(told)) return isHttps ? { ...told, pinned: undefined } : undefined;
  const files = filesOf(options, environment);
  return isHttps || isGiven(files) ? { ...files, pinned: undefined } : undefined;
};

/**
 * The node that is meant, and its token: as told, else from the node's directory, which a node of the same user and
 * machine is found by; the environment's token last, since it is for one node elsewhere. Likewise its TLS. Who shows a
 * certificate shows no token that it was not told to. `CLI_NODE_DIR`; `CLI_NODE_ADDRESS` for the network port of a node.
 */
export const findTarget = async (options: TargetOptions, environment: Environment): Promise<Target> => {
  const dir = options.dir === undefined ? undefined : resolve(options.dir);
  const told = dir === undefined ? undefined : await (options.node === undefined ? runningIn(dir) : factsOf(dir));
  const meant = options.node ?? told?.rest ?? environment('HOLDFAST_NODE') ?? DEFAULT_NODE;
  const node = meant.replace(HTTPS, '');
  const from = dir ?? (await findRunning(runningNodesPath(), node))?.dir;
  const here = told ?? (await factsHere(from));
  await refuseNetworkPort(node, here);
  const tls = tlsOf(options, here, environment, HTTPS.test(meant));
  const token = options.token ?? (tls?.cert === undefined ? await tokenFor(from, environment) : undefined);
  return { node, token, ...(tls === undefined ? {} : { tls }) };
};

/** A node hangs up without a word on who speaks HTTP at the port where it listens for other nodes. */
const refuseNetworkPort = async (node: string, told: NodeFacts | undefined): Promise<void> => {
  if (told?.rest === node) return;
  const dirs = (await runningNodes(runningNodesPath())).map(({ dir }) => dir);
  const known = [told, ...(await Promise.all(dirs.map(factsHere)))];
  const meant = known.find((facts) => facts?.listen !== undefined && reaches(node, facts.listen));
  if (meant === undefined || reaches(node, meant.rest)) return;
  throw fault(
    'CLI_NODE_ADDRESS',
    `${node} is where the node listens for other nodes, commands go to its REST address`,
    {
      hint: `--node ${meant.rest}`,
    },
  );
};

/**
 * A node that was killed is still listed as running, and may have left nothing to read: then nothing is known of it
 * here.
 */
const factsHere = async (dir: string | undefined): Promise<NodeFacts | undefined> =>
  dir === undefined ? undefined : factsOf(dir).catch(() => undefined);

const tokenFor = async (dir: string | undefined, environment: Environment): Promise<string | undefined> =>
  (dir === undefined ? undefined : await tokenIn(dir)) ?? environment('HOLDFAST_TOKEN');
