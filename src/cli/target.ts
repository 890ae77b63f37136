import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fault, textOf } from '../base/errors.ts';
import { findRunning, runningNodesPath } from '../command/access/running-nodes.ts';
import { readToken } from '../command/access/token-file.ts';

const DEFAULT_NODE = '127.0.0.1:32149';

/** Where commands go, and what they show there. */
export interface Target {
  /** `HOST:PORT` of the node's REST. */
  readonly node: string;
  /** Undefined where none is known: then the node says what it wants. */
  readonly token: string | undefined;
}

export interface TargetOptions {
  readonly node?: string;
  readonly dir?: string;
  readonly token?: string;
}

const tokenIn = (dir: string): Promise<string | undefined> => readToken(join(dir, 'rest.token'));

/** REST of the node that keeps its files there. `CLI_NODE_DIR`. */
const restOf = async (dir: string): Promise<string> => {
  try {
    const facts: unknown = JSON.parse(await readFile(join(dir, 'node.json'), 'utf8'));
    const rest: unknown = typeof facts === 'object' && facts !== null ? Reflect.get(facts, 'rest') : undefined;
    if (typeof rest === 'string') return rest;
    throw new Error('node.json does not say where REST is');
  } catch (caught) {
    throw fault('CLI_NODE_DIR', `${dir} is not the directory of a running node: ${textOf(caught)}`, {
      hint: 'name the --dir that the node was started with, or its REST address with --node HOST:PORT',
      cause: caught,
    });
  }
};

/**
 * The node that is meant, and its token: as told, else from the node's directory, which a node of the same user and machine is
 * found by; the environment's token last, since it is for one node elsewhere. `CLI_NODE_DIR`.
 */
export const findTarget = async (
  options: TargetOptions,
  environment: (name: string) => string | undefined,
): Promise<Target> => {
  const dir = options.dir === undefined ? undefined : resolve(options.dir);
  const rest = dir === undefined || options.node !== undefined ? undefined : await restOf(dir);
  const node = options.node ?? rest ?? environment('HOLDFAST_NODE') ?? DEFAULT_NODE;
  const from = dir ?? (await findRunning(runningNodesPath(), node))?.dir;
  const token =
    options.token ?? (from === undefined ? undefined : await tokenIn(from)) ?? environment('HOLDFAST_TOKEN');
  return { node, token };
};
