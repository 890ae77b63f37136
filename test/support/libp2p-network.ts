import { randomBytes } from 'node:crypto';
import { systemClock } from '../../src/base/clock.ts';
import { type Logger, silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { startLibp2pNetwork } from '../../src/network/libp2p.ts';
import type { Network } from '../../src/network/network.ts';

/** A real node on a free port of loopback. */
export const startTestNetwork = (
  options: { readonly seed?: Uint8Array; readonly listen?: string; readonly log?: Logger } = {},
): Promise<Network> =>
  startLibp2pNetwork({
    privateKeySeed: options.seed ?? randomBytes(32),
    listen: options.listen ?? '127.0.0.1:0',
    clock: systemClock,
    random: systemRandom,
    log: options.log ?? silentLogger,
  });
