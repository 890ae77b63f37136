import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).status === 0;

/** Whether this machine has what `HOWTO.txt` asks for. */
export const HOW_TO_TOOLS: boolean =
  isThere('sha256sum', '--version') && isThere('openssl', 'version') && isThere('tar', '--version');

const COMMAND = /^(?:sha256sum|openssl|for|find|sort|head|sed) /;

/** Unpacks a bundle into an empty directory and does what its `HOWTO.txt` says; each command with what it prints. */
export const followHowTo = (
  bundle: string,
  dir: string,
): readonly { readonly command: string; readonly said: string }[] => {
  execFileSync('tar', ['xf', bundle], { cwd: dir });
  const commands = readFileSync(join(dir, 'HOWTO.txt'), 'utf8')
    .split('\n')
    .filter((line) => COMMAND.test(line));
  return commands.map((command) => ({
    command,
    said: execFileSync('sh', ['-c', command], { cwd: dir, encoding: 'utf8' }),
  }));
};
