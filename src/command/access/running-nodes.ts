import { chmod, readdir, readFile, rm } from 'node:fs/promises';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { makePath, writeFileDurably } from '../../base/files.ts';
import { isLoopback, localAddresses, parseAddress } from '../../base/host.ts';

/**
 * A node that this user runs on this machine, as `~/.holdfast/nodes` has it: where its REST is, and where its files
 * are.
 */
export interface RunningNode {
  /** `HOST:PORT` as bound. */
  readonly rest: string;
  readonly dir: string;
  readonly pid: number;
  /** Name of the machine: a home directory may be shared. */
  readonly machine: string;
}

const ENTRIES_MAX = 1_000;

/** Where the nodes of this user are noted. */
export const runningNodesPath = (): string => join(homedir(), '.holdfast', 'nodes');

const fileOf = (path: string, rest: string): string => join(path, `${encodeURIComponent(rest)}.json`);

/** Without zod: `holdfast exec` takes less time than loading it. */
const readEntry = async (path: string): Promise<RunningNode | undefined> => {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    if (typeof value !== 'object' || value === null) return undefined;
    const { rest, dir, pid, machine } = value as Partial<Record<string, unknown>>;
    return typeof rest === 'string' && typeof dir === 'string' && typeof pid === 'number' && typeof machine === 'string'
      ? { rest, dir, pid, machine }
      : undefined;
  } catch {
    return undefined; // removed meanwhile, or of no use
  }
};

/** Whether a process of this machine lives and is this user's. */
export const isOwnProcess = (pid: number): boolean => {
  if (!Number.isSafeInteger(pid) || pid < 1) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Whether the entry's process lives and is this user's: whoever listens there after it must not be shown its token. */
const isAlive = ({ pid, machine }: RunningNode): boolean => machine === hostname() && isOwnProcess(pid);

const readAll = async (
  path: string,
): Promise<readonly { readonly file: string; readonly node: RunningNode | undefined }[]> => {
  const names = await readdir(path).catch((): string[] => []);
  const files = names.filter((name) => name.endsWith('.json')).slice(0, ENTRIES_MAX);
  return Promise.all(files.map(async (name) => ({ file: join(path, name), node: await readEntry(join(path, name)) })));
};

/** Notes a node that listens; the returned function takes the note back. Notes whose process is gone are removed. */
export const noteRunning = async (path: string, node: Omit<RunningNode, 'machine'>): Promise<() => Promise<void>> => {
  await makePath(path, 0o700);
  await chmod(path, 0o700);
  const own = fileOf(path, node.rest);
  await writeFileDurably(own, `${JSON.stringify({ ...node, machine: hostname() })}\n`, { mode: 0o600 });
  for (const { file, node: other } of await readAll(path))
    if (other === undefined || (other.machine === hostname() && !isAlive(other))) await rm(file, { force: true });
  return async () => {
    const noted = await readEntry(own);
    if (noted?.pid === node.pid) await rm(own, { force: true });
  };
};

const isHere = (host: string): boolean =>
  isLoopback(host) || host === hostname().toLowerCase() || localAddresses().includes(host);

/** Whether who asks for `asked` reaches what is bound to `bound`. */
export const reaches = (asked: string, bound: string): boolean => {
  const [a, b] = [parseAddress(asked.toLowerCase()), parseAddress(bound.toLowerCase())];
  if (a === undefined || b === undefined || a.port !== b.port) return false;
  if (a.host === b.host) return true;
  if (b.host === '0.0.0.0' || b.host === '::') return isHere(a.host);
  return isLoopback(b.host) && isLoopback(a.host) && (a.host === 'localhost' || b.host === 'localhost');
};

/** The nodes of this user on this machine that run. */
export const runningNodes = async (path: string): Promise<readonly RunningNode[]> =>
  (await readAll(path)).flatMap(({ node }) => (node !== undefined && isAlive(node) ? [node] : []));

/** The node of this user whose REST is at an address; undefined where there is none. */
export const findRunning = async (path: string, address: string): Promise<RunningNode | undefined> =>
  (await runningNodes(path)).find((node) => reaches(address, node.rest));
