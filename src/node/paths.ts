import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { fault, textOf } from '../base/errors.ts';

/** Where a node keeps what, under its one directory. */
export interface NodePaths {
  readonly dir: string;
  readonly key: string;
  /** What the node says of itself to scripts: `node.json`. */
  readonly facts: string;
  /** Addresses of nodes met before, for a start without seeds. */
  readonly peers: string;
  /** The join that waits to be let in. */
  readonly join: string;
  /** Scripts that may be run by name. */
  readonly scripts: string;
  readonly ledger: string;
  /** Receipts, the own and those that are witnessed. A backup has none: a copy must not sign on where another does. */
  readonly receipts: string;
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
    join: join(dir, 'join.json'),
    scripts: join(dir, 'local_scripts'),
    ledger: join(dir, 'ledger'),
    receipts: join(dir, 'receipts'),
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

/** Creates the directories that data sources and users look for. `NODE_DIR_UNUSABLE`. */
export const createDirectories = async (paths: NodePaths): Promise<void> => {
  const { scripts, dbms, watch, prep, archive, error, distr, bkup, state } = paths;
  for (const path of [scripts, dbms, watch, prep, archive, error, distr, bkup, state]) {
    try {
      await mkdir(path, { recursive: true });
    } catch (caught) {
      throw fault('NODE_DIR_UNUSABLE', `the directory ${path} cannot be made: ${textOf(caught)}`, {
        hint: 'name a directory that this user may write to: --dir DIR',
        cause: caught,
      });
    }
  }
};
