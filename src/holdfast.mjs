#!/usr/bin/env node
// Plain JavaScript, so that an old Node can read it too: it finds a Node that runs the program, or says what is needed.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** First versions that run TypeScript by type stripping without a flag. */
const runsTypeScript = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
};

const THIS = fileURLToPath(import.meta.url);
/** Young objects of the main thread: mebibytes of one half of their space. */
const YOUNG = '--max-semi-space-size=8';
/**
 * What glibc's malloc is told. It gives memory back from few heaps, of which each thread would have one. Buffers from 64 KiB on, the
 * slabs among them from which Node cuts small ones, are mapped by themselves and go back once they are collected. By default only the first ones are:
 * malloc takes the size of each that was freed for its new bound, up to 32 MiB, and what lies in a heap leaves holes there that stay.
 */
const LEAN = { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '65536', MALLOC_TRIM_THRESHOLD_: '1048576' };

const runOnOwnNode = (runtime) => {
  const child = spawn(runtime, [YOUNG, THIS, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...LEAN, ...process.env, HOLDFAST_LAUNCHED: '1' },
  });
  // Who gave it to all processes (a terminal, a service manager) gave it to the child as well, which takes both for one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
};

/**
 * V8 lets the young objects of a busy node take 134 MB since Node 24 (34 before), and malloc keeps what each thread has
 * used at most. Both are told a bound at the start of a process alone, so this process becomes one that has them; its
 * number stays. Where it cannot, the node just takes more.
 */
const becomeLean = () => {
  const isToldSo = /max[-_]semi[-_]space[-_]size/.test([...process.execArgv, process.env.NODE_OPTIONS].join(' '));
  // A parent that speaks with this process over a channel would lose it.
  if (process.argv[2] !== 'start' || isToldSo || process.channel !== undefined || process.platform === 'win32') return;
  if (!existsSync(process.execPath)) return; // Replaced while it starts: execve would abort.
  const args = [process.execPath, YOUNG, ...process.execArgv, THIS, ...process.argv.slice(2)];
  process.execve?.(process.execPath, args, { ...LEAN, ...process.env });
};

/** A launcher that is killed hard cannot pass that on: its end closes the channel, and the program ends with it. */
const endWithLauncher = () => {
  if (process.env.HOLDFAST_LAUNCHED === undefined || process.channel === undefined) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
};

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The newest change below a folder, in milliseconds since 1970; a file that went changes its folder. */
const newestChange = (folder) =>
  readdirSync(folder, { withFileTypes: true }).reduce((newest, entry) => {
    const path = join(folder, entry.name);
    return Math.max(newest, entry.isDirectory() ? newestChange(path) : statSync(path).mtimeMs);
  }, statSync(folder).mtimeMs);

/** The program from dist/ (scripts/build.mjs), which starts faster; from the source where that was changed since. */
const program = () => {
  const built = here('../dist/main.mjs');
  const made = statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const sources = ['.', '../scripts/demo'].map((folder) => newestChange(here(folder)));
  return made > Math.max(...sources, statSync(here('../package.json')).mtimeMs) ? '../dist/main.mjs' : './main.ts';
};

if (runsTypeScript(process.versions.node)) {
  becomeLean();
  endWithLauncher();
  module.enableCompileCache?.(); // stripped and compiled once, not at every start
  await import(program());
} else {
  const runtime = here('../node_modules/node/bin/node');
  if (existsSync(runtime)) runOnOwnNode(runtime);
  else {
    process.stderr.write(
      `holdfast: this is Node ${process.versions.node}; Node 22.18 or newer is needed\n` +
        '  hint: install a newer Node, or run `npm ci` in the checkout, which brings one along\n',
    );
    process.exitCode = 1;
  }
}
