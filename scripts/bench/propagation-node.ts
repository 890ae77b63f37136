import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { systemClock } from '../../src/base/clock.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import { startLibp2pNetwork } from '../../src/network/libp2p.ts';
import type { Network } from '../../src/network/network.ts';
import { createPolicies } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';

/** A node without databases and REST: ledger, network, sync, policies, all real. */
export interface LedgerNode {
  readonly network: Network;
  readonly ledger: Ledger;
  readonly sync: LedgerSync;
  readonly policies: Policies;
}

export const RAW_TOPIC = '/holdfast/bench-raw';
const LOOP_TICK_MS = 10;
const log = silentLogger;

export const startLedgerNode = async (dir: string): Promise<LedgerNode> => {
  const ports = { clock: systemClock, random: systemRandom, log };
  const seed = randomBytes(32);
  const ledger = await openLedger({ ...ports, dir: join(dir, 'ledger'), seed });
  const network = await startLibp2pNetwork({ ...ports, privateKeySeed: seed, listen: '127.0.0.1:0' });
  const sync = createLedgerSync({ ...ports, ledger, network });
  const policies = createPolicies({ ...ports, ledger, ownKey: ledger.author, holders: sync.holders.bind(sync) });
  return { network, ledger, sync, policies };
};

type LoopWatch = ReturnType<typeof monitorEventLoopDelay>;

/** How late the event loop of this process is from now on. */
export const watchLoop = (): LoopWatch => {
  const watch = monitorEventLoopDelay({ resolution: LOOP_TICK_MS });
  watch.enable();
  return watch;
};

/** 99 of 100 delays are shorter, milliseconds; the monitor's own tick is not counted. */
export const loopDelayMs = (watch: LoopWatch): number => Math.max(0, watch.percentile(99) / 1_000_000 - LOOP_TICK_MS);

/** Milliseconds on a scale that processes of one machine share. */
export const sharedNow = (): number => performance.timeOrigin + performance.now();

/** What the child tells its parent. */
export type Told =
  | { readonly kind: 'size'; readonly size: number; readonly at: number }
  | {
      readonly kind: 'live';
      readonly seen: readonly (readonly [id: string, at: number])[];
      readonly loopP99Ms: number;
    };

/**
 * What the parent asks of its child: to write down from now on what arrives when, and to tell it at the end. Meanwhile
 * it says nothing, so that the node which publishes is not kept busy by reports.
 */
export type Asked = 'watch' | 'tell';

const tell = (told: Told): void => void process.send?.(told);

/** A child process: joins the node at the address and tells when things arrive. Arguments: directory, address. */
const runChild = async (dir: string, address: string): Promise<void> => {
  const { network, ledger, policies } = await startLedgerNode(dir);
  const loop = watchLoop();
  const seen: [id: string, at: number][] = [];
  let watching = false;
  process.on('message', (asked: Asked) => {
    watching = asked === 'watch';
    if (watching) loop.reset();
    else tell({ kind: 'live', seen, loopP99Ms: loopDelayMs(loop) });
  });
  policies.notices.on('policy:changed', (ids) => {
    const at = sharedNow();
    for (const id of ids) if (watching) seen.push([id, at]);
  });
  const tellSize = async (): Promise<void> => {
    const { size } = ledger;
    await policies.caughtUp();
    if (!watching) tell({ kind: 'size', size, at: sharedNow() });
  };
  ledger.notices.on('ledger:appended', () => void tellSize());
  network.subscribe(RAW_TOPIC, async (data) => {
    seen.push([Buffer.from(data).toString('latin1', 0, 16), sharedNow()]);
    return 'accept';
  });
  network.keepDialled([{ address }]);
};

process.on('disconnect', () => process.exit()); // the parent has ended
const [, , dir, address] = process.argv;
if (process.send !== undefined && dir !== undefined && address !== undefined) await runChild(dir, address);
