import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../src/holdfast.mjs', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `holdfast …` to its end (or for `killAfterMs`), as a user would. */
export const holdfast = (
  args: readonly string[],
  options: { readonly input?: string; readonly killWhen?: RegExp; readonly environment?: NodeJS.ProcessEnv } = {},
): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [EXECUTABLE, ...args], { env: { ...process.env, ...options.environment } });
    let stdout = '';
    let stderr = '';
    const look = (): void => {
      if (options.killWhen?.test(stdout + stderr) === true) child.kill('SIGTERM');
    };
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      look();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
      look();
    });
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, stdout, stderr }));
    child.stdin.end(options.input ?? '');
  });
