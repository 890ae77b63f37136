import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import type { Resource } from '../../src/base/lifecycle.ts';
import { silentLogger } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { Ledger } from '../../src/ledger/ledger.ts';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { Network, PeerKey } from '../../src/network/network.ts';
import { startReceipts } from '../../src/receipt/receipt-service.ts';
import type { Receipts } from '../../src/receipt/receipts.ts';

/** A node of nothing but ledger, sync and receipts. */
export interface ReceiptNode extends Resource {
  readonly key: PeerKey;
  readonly ledger: Ledger;
  readonly network: Network;
  readonly receipts: Receipts;
}

export interface ReceiptNodeOptions {
  readonly dir: string;
  /** Shared by the nodes of a world. */
  readonly registered: ReadonlySet<PeerKey>;
  /** Whose word counts; default: that of who is registered. */
  readonly counting?: ReadonlySet<PeerKey>;
  readonly seed?: Buffer;
  network(seed: Buffer, key: PeerKey): Promise<Network> | Network;
  /** Default: an empty one, which this closes. */
  readonly ledger?: Ledger;
}

/** Starts one; checkpoints follow one another quickly. */
export const startReceiptNode = async (options: ReceiptNodeOptions): Promise<ReceiptNode> => {
  const seed = options.seed ?? randomBytes(32);
  const key = signingKeyFromSeed(seed);
  const ledger = options.ledger ?? (await createMemoryLedger({ seed }));
  const network = await options.network(seed, key.author);
  const ports = { clock: systemClock, random: systemRandom, log: silentLogger };
  network.keepDialled([]);
  const sync = createLedgerSync({ ...ports, ledger, network });
  const receipts = startReceipts({
    ...{ ...ports, ledger, network, key },
    dir: join(options.dir, key.author.slice(0, 8)),
    registered: async () => options.registered,
    counting: async () => options.counting ?? options.registered,
    intervalMs: 600,
  });
  return {
    ...{ key: key.author, ledger, network, receipts },
    async close() {
      await receipts.close();
      await sync.close();
      await network.close();
      if (options.ledger === undefined) await ledger.close();
    },
  };
};
