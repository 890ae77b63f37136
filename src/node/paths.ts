import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

/** Where a node keeps what, under its one directory. */
export interface NodePaths {
  readonly dir: string;
  readonly key: string;
  /** What the node says of itself to scripts: `node.json`. */
  readonly facts: string;
  /** Addresses of nodes met before, for a start without seeds. */
  readonly peers: string;
  readonly ledger: string;
  readonly dbms: string;
  readonly watch: string;
  readonly prep: string;
  readonly archive: string;
  readonly error: string;
  readonly distr: string;
  readonly bkup: string;
  readonly state: string;
}

/** The layout; nothing is created. */
export const nodePaths = (dir: string): NodePaths => {
  const data = (name: string): string => join(dir, 'data', name);
  return {
    dir,
    key: join(dir, 'node.key'),
    facts: join(dir, 'node.json'),
    peers: join(dir, 'peers.json'),
    ledger: join(dir, 'ledger'),
    dbms: data('dbms'),
    watch: data('watch'),
    prep: data('prep'),
    archive: data('archive'),
    error: data('error'),
    distr: data('distr'),
    bkup: data('bkup'),
    state: data('state'),
  };
};

/** Creates the directories that data sources and users look for. */
export const createDirectories = async (paths: NodePaths): Promise<void> => {
  const { dbms, watch, prep, archive, error, distr, bkup, state } = paths;
  for (const path of [dbms, watch, prep, archive, error, distr, bkup, state]) await mkdir(path, { recursive: true });
};
