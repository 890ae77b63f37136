import { existsSync } from 'node:fs';
import type { StateFile } from '../base/state-file.ts';
import { LISTENED, type NodeConfig } from './config.ts';
import { listenedAt } from './listening.ts';

interface Started {
  readonly network: { readonly address: string };
  readonly archiving?: { readonly tilesWork?: Promise<unknown> };
}

/**
 * Keeps for later starts what they are not told anew, also where nothing is left of what earlier ones said. It is kept
 * when the node has started with it: a directory of `--tiles`, which is used later, once it has shown to be of use.
 */
export const remember = async (
  file: Pick<StateFile, 'path' | 'keep'>,
  { remember: told, listen, formerTiles }: Pick<NodeConfig, 'remember' | 'listen' | 'formerTiles'>,
  { network, archiving }: Started,
  signal: AbortSignal,
): Promise<void> => {
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
