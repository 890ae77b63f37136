/**
 * `npm run verify`: types, lint, format, dead code and architecture. ESLint takes as long as the others together, so it
 * runs beside them; all run to their end, each tells what it found in one piece, and the status is 0 where none found
 * anything.
 */
import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..');
const PATH = [join(ROOT, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter);

const LINES: readonly (readonly string[])[] = [
  ['eslint .'],
  ['tsc', 'prettier --check --log-level warn .', 'knip', 'vitest run test/architecture.test.ts'],
];

/** Runs a command and prints what it says once it has ended; returns whether it ended with status 0. */
const holds = async (command: string): Promise<boolean> => {
  const started = performance.now();
  const child = spawn(command, {
    cwd: ROOT,
    shell: true,
    env: { ...process.env, PATH },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  const status = await new Promise((resolve) => {
    child.once('error', resolve);
    child.once('close', (code, signal) => resolve(code ?? signal));
  });
  const text = Buffer.concat(said).toString().trim();
  const seconds = ((performance.now() - started) / 1_000).toFixed(0);
  const outcome = status === 0 ? 'holds' : `FAILED (${String(status)})`;
  console.log(`${command}: ${outcome}, ${seconds} s${text === '' ? '' : `\n${text}`}`);
  return status === 0;
};

const hold = await Promise.all(
  LINES.map(async (commands) => {
    let all = true;
    for (const command of commands) all = (await holds(command)) && all;
    return all;
  }),
);
if (hold.includes(false)) process.exitCode = 1;
