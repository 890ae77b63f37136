import { readFile } from 'node:fs/promises';
import { systemCode } from '../base/errors.ts';
import { writeFileDurably } from '../base/files.ts';
import type { FilledFlag } from './replication.ts';

const TEXT = 'filled\n';

/** The flag as a file: there, or not. It lies with the data, so that whoever loses one loses the other. */
export const createFilledFlag = (path: string): FilledFlag => ({
  async load() {
    try {
      return (await readFile(path, 'utf8')) === TEXT;
    } catch (caught) {
      if (systemCode(caught) === 'ENOENT') return false;
      throw caught;
    }
  },
  save: () => writeFileDurably(path, TEXT),
});
