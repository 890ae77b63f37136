#!/usr/bin/env node
// Plain JavaScript, so that an old Node can read it too: it finds a Node that runs the program, or says what is needed.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';

/** First versions that run TypeScript by type stripping without a flag. */
const runsTypeScript = (version) => {
  const [major, minor] = version.split('.').map(Number);
  return major >= 24 || (major === 23 && minor >= 6) || (major === 22 && minor >= 18);
};

const runOnOwnNode = (runtime) => {
  const child = spawn(runtime, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, HOLDFAST_LAUNCHED: '1' },
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    process.exitCode = signal === null ? (code ?? 1) : 128 + constants.signals[signal];
  });
};

/** A launcher that is killed hard cannot pass that on: its end closes the channel, and the program ends with it. */
const endWithLauncher = () => {
  if (process.env.HOLDFAST_LAUNCHED === undefined || process.channel === undefined) return;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel.unref();
};

if (runsTypeScript(process.versions.node)) {
  endWithLauncher();
  module.enableCompileCache?.(); // stripped and compiled once, not at every start
  await import('./main.ts');
} else {
  const runtime = fileURLToPath(new URL('../node_modules/node/bin/node', import.meta.url));
  if (existsSync(runtime)) runOnOwnNode(runtime);
  else {
    process.stderr.write(
      `holdfast: this is Node ${process.versions.node}; Node 22.18 or newer is needed\n` +
        '  hint: install a newer Node, or run `npm ci` in the checkout, which brings one along\n',
    );
    process.exitCode = 1;
  }
}
