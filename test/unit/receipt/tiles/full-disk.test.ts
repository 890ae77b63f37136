import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { systemCode } from '../../../../src/base/errors.ts';
import { ArchivingNode, ENTRIES, SECRET } from '../../../support/archiving-node.ts';
import { createSmallDisk, IS_REAL_DISK } from '../../../support/small-disk.ts';

test.skipIf(!IS_REAL_DISK)(
  'on a full disk an erased body goes all the same, and the rest goes on once there is room',
  async () => {
    const disk = createSmallDisk(2);
    try {
      const dir = join(disk.dir, 'tiles');
      const node = new ArchivingNode(dir);
      node.add(ENTRIES.slice(0, 300));
      await node.settle();
      disk.fill();
      node.add(ENTRIES.slice(300));
      node.erased.add(ENTRIES[3]!.hash);
      const caught: unknown = await node.settle().catch((error: unknown) => error);
      expect(systemCode(caught)).toBe('ENOSPC');
      expect(node.archiver.state()).toMatchObject({ published: 300, signed: 700 });
      const said = (): string[] =>
        readdirSync(join(dir, 'entries')).filter((file) =>
          readFileSync(join(dir, 'entries', file)).includes(`${SECRET} 3.`),
        );
      expect(said()).toEqual([]);
      // A start on the full disk is one too.
      node.restart();
      expect(systemCode(await node.settle().catch((error: unknown) => error))).toBe('ENOSPC');
      disk.free();
      await node.settle();
      expect(node.archiver.state()).toEqual({ published: 700, signed: 700, absent: 0, bodiless: 1, damaged: 0 });
      expect(said()).toEqual([]);
    } finally {
      disk.close();
    }
  },
);
