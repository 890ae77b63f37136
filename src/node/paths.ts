import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asFault, fault, hasCode, systemCode } from '../base/errors.ts';
import { makeDirectory } from '../base/files.ts';
import type { Logger } from '../base/log.ts';
import { takeLedgerDirectory, type TakenDirectory } from '../ledger/open-ledger.ts';
import { REMEMBERED_FILE } from './config.ts';

/** Where a node keeps what, under its one directory. */
export interface NodePaths {
  readonly dir: string;
  readonly key: string;
  /** The key that the node has handed over to and takes at its next start, while that is under way. */
  readonly nextKey: string;
  /** The key before the last rotation. */
  readonly formerKey: string;
  /** What the node says of itself to scripts: `node.json`. */
  readonly facts: string;
  /** How the node was started: what a later start takes that does not say otherwise. */
  readonly start: string;
  /** Addresses of nodes met before, for a start without seeds. */
  readonly peers: string;
  readonly archives: string;
  /** The join that waits to be let in. */
  readonly join: string;
  /** What opens REST to who can read it. */
  readonly token: string;
  /** Users of REST. */
  readonly users: string;
  /** Scripts that may be run by name. */
  readonly scripts: string;
  readonly ledger: string;
  /** Receipts, the own and those that are witnessed. A backup has none: a copy must not sign on where another does. */
  readonly receipts: string;
  /** Static files of an archive. */
  readonly tiles: string;
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
    nextKey: join(dir, 'node.key.next'),
    formerKey: join(dir, 'node.key.former'),
    facts: join(dir, 'node.json'),
    start: join(dir, REMEMBERED_FILE),
    peers: join(dir, 'peers.json'),
    archives: join(dir, 'archives.json'),
    join: join(dir, 'join.json'),
    token: join(dir, 'rest.token'),
    users: join(dir, 'users.json'),
    scripts: join(dir, 'local_scripts'),
    ledger: join(dir, 'ledger'),
    receipts: join(dir, 'receipts'),
    tiles: join(dir, 'tiles'),
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

/**
 * Makes the directories that data sources and users look for. `NODE_DIR_UNUSABLE` at a first start; a node that has a
 * key starts without them, since it can still be read: whoever needs one makes it.
 */
export const createDirectories = async (paths: NodePaths, log: Logger): Promise<void> => {
  const { scripts, dbms, watch, prep, archive, error, distr, bkup, state } = paths;
  try {
    for (const path of [scripts, dbms, watch, prep, archive, error, distr, bkup, state]) await makeDirectory(path);
  } catch (caught) {
    if (!existsSync(paths.key)) throw caught;
    log.error(asFault(caught).message);
  }
};

/** Whether a ledger was written in the directory before. */
export const hasJournal = async ({ ledger }: Pick<NodePaths, 'ledger'>): Promise<boolean> => {
  const names = await readdir(join(ledger, 'journal')).catch((caught: unknown) => {
    if (systemCode(caught) === 'ENOENT') return [];
    throw caught;
  });
  return names.length > 0;
};

/**
 * Takes the ledger of a node's directory, which is what keeps two nodes out of one: the user is told of the directory
 * that he gave. `LEDGER_DIR_IN_USE`.
 */
export const takeDirectory = async ({ dir, ledger }: NodePaths, log: Logger): Promise<TakenDirectory> => {
  try {
    return await takeLedgerDirectory(ledger, log);
  } catch (caught) {
    if (!hasCode(caught, 'LEDGER_DIR_IN_USE')) throw caught;
    throw fault('LEDGER_DIR_IN_USE', `another running node uses ${dir}`, {
      data: { dir },
      hint: 'stop that node, or give this one a directory of its own (--dir); commands for that node: holdfast exec --dir DIR COMMAND',
      cause: caught,
    });
  }
};
