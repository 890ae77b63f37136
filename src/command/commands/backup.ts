import type { BackupStatus } from '../context.ts';
import { fault } from '../../base/errors.ts';
import { anyText, required, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { hoursMinutesSeconds } from '../table.ts';

const jsonOf = ({ error, ...status }: BackupStatus): Readonly<Record<string, unknown>> => ({
  ...status,
  ...(error === undefined ? {} : { error: { code: error.code, text: error.message, hint: error.hint ?? '' } }),
});

const show = ({ context }: Call<OptionTable>): Reply => {
  const status = context.backup();
  if (status === undefined) return says('No backup since the node started', { state: 'none' });
  const { state, dir, part, files, bytes, bytesTotal, ms, error } = status;
  return givesTable({
    titles: ['Backup', 'Details'],
    rows: [
      ['State', state],
      ['Directory', dir],
      ['Part', part],
      ['Files', files],
      ['Bytes', bytes],
      ['Bytes of this part to come', bytesTotal - bytes],
      ['Time', hoursMinutesSeconds(ms)],
      ['Error', error?.message ?? ''],
    ],
    json: jsonOf(status),
  });
};

/** Backups of the running node; `holdfast backup DIR` uses these. */
export const backupCommands = (): readonly Command[] => [
  define({
    patterns: ['run backup'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'begins a backup of the running node into a directory of its machine',
    examples: ['run backup where dir = "/mnt/backup/node-1"'],
    options: { dir: required(anyText, 'absolute path of a new or empty directory') },
    run: async ({ context, options }) => {
      await context.control.startBackup(options.dir);
      return SILENT;
    },
  }),
  define({
    patterns: ['get backup'],
    method: 'GET',
    explanation: 'shows how far the backup is, or how the last one ended',
    examples: ['get backup', 'get backup where format = json'],
    run: show,
  }),
  define({
    patterns: ['exit backup'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'breaks off the backup and removes what it copied',
    examples: ['exit backup'],
    run: async ({ context }) => {
      if (context.backup()?.state !== 'running') throw fault('COMMAND_NOT_RUNNING', 'no backup runs');
      await context.control.stopBackup();
      return SILENT;
    },
  }),
];
