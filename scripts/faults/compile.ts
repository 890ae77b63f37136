import { execFileSync, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Why what is written in C cannot be used here; undefined where it can. */
export const lackOfCompiler = (): string | undefined => {
  if (process.platform !== 'linux') return 'only on Linux';
  return spawnSync('cc', ['--version']).status === 0 ? undefined : 'there is no C compiler';
};

/** Compiles a source file of this folder. Throws where the compiler refuses it. */
export const compile = (source: string, into: string, ...options: readonly string[]): void => {
  const path = fileURLToPath(new URL(source, import.meta.url));
  execFileSync('cc', ['-O2', ...options, '-o', into, path, '-ldl', '-lpthread'], { stdio: 'ignore' });
};
