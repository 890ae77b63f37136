import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { stopSignal } from '../../src/base/stop-signal.ts';
import type { NodeProcess } from './node-process.ts';
import { Screen } from './screen.ts';
import { runSteps } from './steps.ts';

export interface DemoOptions {
  readonly once: boolean;
  /** Where the nodes keep their files; undefined for a temporary directory that is removed at the end. */
  readonly dir: string | undefined;
}

/**
 * A network of five real processes on loopback, on real sensor data, step by step. Resolves with the exit status: 0
 * when every step held.
 */
export const runDemo = async (options: DemoOptions): Promise<number> => {
  const screen = new Screen(process.stdout);
  const dir = options.dir === undefined ? await mkdtemp(join(tmpdir(), 'holdfast-demo-')) : resolve(options.dir);
  const nodes = new Map<string, NodeProcess>();
  const stop = stopSignal();
  let held = false;
  try {
    const steps = runSteps({ dir, screen, nodes }).then(() => true);
    held = await Promise.race([steps, stop.then(() => false)]);
    if (held && !options.once) {
      screen.line();
      screen.line('The network stays up for your own commands (Ctrl-C ends it). Try, from another terminal:');
      for (const { facts } of nodes.values())
        screen.line(`  npx holdfast shell --node ${facts.rest}   # ${facts.name}`);
      await stop;
    }
  } catch (caught) {
    screen.check(false, caught instanceof Error ? caught.message : String(caught));
    if (options.dir !== undefined) screen.line(`  the nodes' logs are in ${dir}/*/node.log`);
  } finally {
    await Promise.all([...nodes.values()].map((node) => node.stop()));
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true });
  }
  screen.line();
  screen.line(held && screen.failures === 0 ? 'Every step held.' : 'Not every step held.');
  return held && screen.failures === 0 ? 0 : 1;
};
