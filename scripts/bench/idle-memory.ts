import { execFile, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '../../src/base/clock.ts';
import { startLibp2pNode } from '../../src/network/libp2p-node.ts';
import { SelfCalls } from '../../src/network/self-calls.ts';

const PROGRAM = fileURLToPath(import.meta.url);
/** So long a process is left alone after its start before it counts as idle. */
const SETTLE_MS = 10_000;

/** Resident memory of a process in MB, once it has been idle for a while. */
export const idleMb = async (pid: number | undefined): Promise<number> => {
  await delay(SETTLE_MS);
  const { stdout } = await promisify(execFile)('ps', ['-o', 'rss=', '-p', String(pid)]);
  return Number(stdout) / 1_024;
};

/** Idle memory of a process that runs libp2p with a node's settings and nothing else. */
export const bareLibp2pMb = async (): Promise<number> => {
  const child = fork(PROGRAM, ['listen'], { execArgv: [] });
  try {
    await once(child, 'message');
    return await idleMb(child.pid);
  } finally {
    child.kill('SIGKILL');
  }
};

if (process.argv[2] === 'listen') {
  process.on('disconnect', () => process.exit()); // the parent has ended
  const selfCalls = new SelfCalls(systemClock);
  const settings = { seed: randomBytes(32), listen: '127.0.0.1:0', selfCalls };
  await startLibp2pNode({
    ...settings,
    onSecured: () => {},
    isMember: () => true,
    isExpelled: () => false,
    onGossip: () => {},
  });
  process.send?.('listening');
}
