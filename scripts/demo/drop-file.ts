import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeProcess } from './node-process.ts';

/**
 * Puts a file into a node's watch directory as a whole, the way a careful data source does: written beside, then
 * renamed.
 */
export const dropFile = async (node: NodeProcess, name: string, content: string | Uint8Array): Promise<void> => {
  const data = join(node.options.dir, 'data');
  await writeFile(join(data, 'prep', name), content);
  await rename(join(data, 'prep', name), join(data, 'watch', name));
};
