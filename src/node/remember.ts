import { existsSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { textOf } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { StateFile } from '../base/state-file.ts';
import { LISTENED, type NodeConfig } from './config.ts';
import { listenedAt } from './listening.ts';

/**
 * What cannot be read stays beside, for whoever wishes to look at it. It is not moved away: where the disk does not take
 * the new one, a later start that is not told all must not find nothing, and begin without TLS.
 */
const setAside = async (path: string, log: Logger): Promise<void> => {
  const aside = `${path}.damaged`;
  try {
    await copyFile(path, aside);
    log.warn(`what earlier starts were told cannot be read, and this one was told all of it: set aside as ${aside}`);
  } catch (caught) {
    log.warn(`${path} cannot be read, nor set aside: ${textOf(caught)}`);
  }
};

interface Started {
  readonly log: Logger;
  readonly network: { readonly address: string };
  readonly archiving?: { readonly tilesWork?: Promise<unknown> };
}

type Told = Pick<NodeConfig, 'remember' | 'listen' | 'formerTiles' | 'rememberedIsDamaged'>;

/**
 * Keeps for later starts what they are not told anew, also where nothing is left of what earlier ones said. It is kept
 * when the node has started with it: a directory of `--tiles`, which is used later, once it has shown to be of use.
 */
export const remember = async (
  file: Pick<StateFile, 'path' | 'keep'>,
  { remember: told, listen, formerTiles, rememberedIsDamaged }: Told,
  { network, archiving, log }: Started,
  signal: AbortSignal,
): Promise<void> => {
  if (rememberedIsDamaged) await setAside(file.path, log);
  const { tiles, ...others } = told;
  const listened = listenedAt(listen, network.address);
  const keep = async (of: string | undefined): Promise<void> => {
    const all = { ...others, ...(of && { tiles: of }), ...(listened && { [LISTENED]: listened }) };
    if (Object.keys(all).length > 0 || existsSync(file.path)) await file.keep(`${JSON.stringify(all, null, 2)}\n`);
  };
  const isNew = tiles !== undefined && tiles !== formerTiles;
  await keep(isNew ? formerTiles : tiles);
  if (isNew)
    void archiving?.tilesWork?.then(() => {
      if (!signal.aborted) void keep(tiles);
    });
};
