import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { fault, textOf } from '../../base/errors.ts';
import { writeFileDurably } from '../../base/files.ts';
import type { NodeConfig } from '../config.ts';
import { hasJournal, type NodePaths } from '../paths.ts';
import { markFilesOlder, markRestored } from '../restore/mark.ts';

/** There from the begin of a recovery to its end: a start that finds it goes on. */
const RECOVERING_MARK = 'recovering.json';

const markSchema = z.object({ operator: z.string().optional() });

/** A recovery that is to be done or gone on with. */
export interface Recovery {
  /** The operator policy to take over; undefined: the one that carries the node's key. */
  readonly operator: string | undefined;
  /** Everything is back. */
  done(): Promise<void>;
}

/**
 * Makes a directory ready for recovery, before anything is opened in it; undefined where nothing is to be recovered.
 * `CONFIG_VALUE`, `NODE_NOT_EMPTY`.
 */
export const prepareRecovery = async (config: NodeConfig, paths: NodePaths): Promise<Recovery | undefined> => {
  const mark = join(paths.dir, RECOVERING_MARK);
  const done = (): Promise<void> => rm(mark, { force: true });
  if (existsSync(mark)) {
    return { operator: config.operator ?? (await operatorIn(mark)), done };
  }
  if (!config.recover) return undefined;
  if (config.seeds.length + (config.invite?.seeds.length ?? 0) === 0 || config.network !== undefined)
    throw fault('CONFIG_VALUE', '--recover takes everything from a network that exists', {
      hint: 'name a node of it: --seed HOST:PORT, or join it anew with --invite LINE',
    });
  if (await hasJournal(paths))
    throw fault(
      'NODE_NOT_EMPTY',
      `the directory ${paths.dir} holds a ledger already: there is nothing to recover into`,
      {
        hint: 'start it without --recover, or name a new directory',
      },
    );
  await takeKey(config, paths);
  const about = `${JSON.stringify({ recovering: true })}\n`;
  if (existsSync(paths.key)) await markRestored(paths, about);
  else if (config.operator !== undefined) await markFilesOlder(paths, about);
  else
    throw fault('CONFIG_VALUE', '--recover needs to know which node is to come back', {
      hint: 'with a copy of its key: --key FILE (or put it into DIR/node.key); without one: --operator ID-OF-ITS-OPERATOR-POLICY',
    });
  await writeFileDurably(mark, `${JSON.stringify({ operator: config.operator })}\n`);
  return { operator: config.operator, done };
};

/** The operator that an unfinished recovery is of. */
const operatorIn = async (mark: string): Promise<string | undefined> => {
  try {
    return markSchema.parse(JSON.parse(await readFile(mark, 'utf8'))).operator;
  } catch (caught) {
    throw fault('CONFIG_VALUE', `${mark}, which says what is being recovered, is damaged: ${textOf(caught)}`, {
      hint: 'name the operator with --operator ID-OF-ITS-OPERATOR-POLICY; where it has its key, remove that file and start with --recover',
      cause: caught,
    });
  }
};

const takeKey = async ({ key }: NodeConfig, paths: NodePaths): Promise<void> => {
  if (key === undefined) return;
  let pem: string;
  try {
    pem = await readFile(key, 'utf8');
  } catch (caught) {
    throw fault('CONFIG_VALUE', `--key ${key} cannot be read: ${textOf(caught)}`, {
      hint: 'name the file node.key of a backup',
    });
  }
  if (existsSync(paths.key) && (await readFile(paths.key, 'utf8')) !== pem)
    throw fault('CONFIG_VALUE', `${paths.key} is another key than --key ${key}`, { hint: 'use a new directory' });
  await writeFileDurably(paths.key, pem, { mode: 0o600 });
};
