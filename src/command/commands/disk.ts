import { resolve } from 'node:path';
import { sized, systemDiskFiles } from '../../base/disk-monitor.ts';
import { fault, textOf } from '../../base/errors.ts';
import { oneOf, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { says, type Reply } from '../reply.ts';

const WHAT = oneOf('usage', 'total', 'used', 'free', 'percentage');

/** Space of the file system of a path, in bytes; relative paths begin at the node's directory. `COMMAND_VALUE`. */
const getDisk = async ({ context, args, dictionary }: Call<OptionTable>): Promise<Reply> => {
  const what = WHAT.read(args.tokens('what'), dictionary);
  const path = resolve(context.facts.directories.root, args.text('path') || '.');
  const { free, used, total } = await systemDiskFiles.space(path).catch((caught: unknown) => {
    throw fault('COMMAND_VALUE', `the disk of ${path} cannot be looked at: ${textOf(caught)}`, {
      hint: 'name a directory that exists, or none for the disk of this node',
    });
  });
  // As `df` counts: what only root may take is neither used nor free.
  const percentage = used + free === 0 ? 0 : Number(((100 * used) / (used + free)).toFixed(1));
  const usage = { path, total, used, free, percentage };
  if (what !== 'usage') return says(String(usage[what]), { [what]: usage[what] });
  const reserve = context.disk?.().reserveBytes;
  const kept = reserve === undefined ? '' : `\nKept free of data on the disk of this node: ${sized(reserve)}`;
  return says(
    `${path}: ${sized(total)}, used ${sized(used)} (${percentage} %), free ${sized(free)}${kept}`,
    reserve === undefined ? usage : { ...usage, reserve },
  );
};

/** The disk of the node. */
export const diskCommands = (): readonly Command[] => [
  define({
    patterns: ['get disk <what>', 'get disk <what> <path>'],
    usage: 'get disk usage|total|used|free|percentage [path]',
    method: 'GET',
    explanation: 'shows how full the disk of the node, or of a path, is, in bytes',
    examples: ['get disk usage', 'get disk percentage .'],
    run: getDisk,
  }),
];
