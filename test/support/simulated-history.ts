import type { Clock } from '../../src/base/clock.ts';
import type { Resource } from '../../src/base/lifecycle.ts';
import { createLogger, type Logger } from '../../src/base/log.ts';
import type { Random } from '../../src/base/random.ts';
import { atOnce } from '../../src/base/slices.ts';
import { keepersOf } from '../../src/command/commands/pruning.ts';
import type { ArchiveClient } from '../../src/ledger/archive/client.ts';
import type { JournalFiles } from '../../src/ledger/journal-files.ts';
import type { StoredLedger } from '../../src/ledger/stored-ledger.ts';
import { createLedgerSync } from '../../src/ledger/sync/ledger-sync.ts';
import type { LedgerSync } from '../../src/ledger/sync/sync.ts';
import type { Network } from '../../src/network/network.ts';
import { archivedPorts, createArchiveClient, createArchiveDesk, type Later } from '../../src/node/archiving.ts';
import { HistoryKeeper } from '../../src/node/history-keeper.ts';
import { createPolicies } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';
import type { Pruned, Pruning, StateStore } from '../../src/policy/pruning.ts';
import { decodeState, encodeState, type SavedState } from '../../src/policy/snapshot/saved.ts';
import type { SimulatedDisk } from './simulated-disk.ts';
import { simulatedSignatures as signatures } from './simulated-signatures.ts';

const STATES = 'states';
const SUFFIX = '.state';

interface Ports {
  readonly ledger: StoredLedger;
  readonly network: Network;
  readonly disk: SimulatedDisk;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** It has the role archive: it drops nothing, and takes nothing without its body. */
  readonly keepsAll: boolean;
}

/** What a node is made of that drops bodies, gives them out and asks for them: as in `src/node`, over a simulated disk. */
export class SimulatedHistory implements Resource {
  readonly sync: LedgerSync;
  readonly policies: Policies;
  readonly pruning: Pruning;
  readonly keepsAll: boolean;
  readonly #archive: ArchiveClient;
  readonly #open: readonly Resource[];

  constructor(ports: Ports, saved: ReadonlyMap<string, SavedState>) {
    const { ledger, network, disk, clock, random, log, keepsAll } = ports;
    const made: Later = {};
    const archive = createArchiveClient({ network, ledger, clock, log }, made);
    const config = { tiles: keepsAll ? 'tiles' : undefined, invite: undefined };
    const archived = archivedPorts({ ledger, log }, archive, made, config);
    this.sync = createLedgerSync({ ledger, network, clock, random, log, archived });
    const states = stateStore(disk.files());
    this.policies = createPolicies({
      ...{ ledger, ownKey: ledger.author, clock, signatures },
      holders: (author, seq) => this.sync.holders(author, seq),
      pruning: { archive, states, saved, bodies: ledger.bodies },
    });
    made.policies = this.policies;
    if (this.policies.pruning === undefined) throw new Error('it drops nothing');
    this.pruning = this.policies.pruning;
    this.keepsAll = keepsAll;
    this.#archive = archive;
    const desk = createArchiveDesk({ network, ledger, clock, log }, this.policies);
    const keeper = new HistoryKeeper({ policies: this.policies, clock, log });
    this.#open = [keeper, desk, this.policies, this.sync, archive];
  }

  /** Drops what others have, as `blockchain prune` does; undefined on one that must not. */
  async prune(): Promise<Pruned | undefined> {
    const { policies, sync: ledgerSync } = this;
    if (this.keepsAll || this.pruning.need() !== undefined) return undefined;
    return this.pruning.prune(undefined, (going) =>
      keepersOf({ policies, ledgerSync, archiving: this.#archive }, going, undefined),
    );
  }

  async close(): Promise<void> {
    for (const each of this.#open) await each.close();
  }
}

/** On what a power cut has left. */
export const startHistory = async (ports: Ports): Promise<SimulatedHistory> =>
  new SimulatedHistory(ports, await readStates(ports.disk.files()));

/** Tells of peers that are taken for liars. */
export const blameLogger = (onBlame: (text: string) => void): Logger =>
  createLogger(({ text }) => {
    if (text.includes(' is cut off for a while')) onBlame(text);
  });

const stateStore = (files: JournalFiles): StateStore => ({
  async save(snapshot, state) {
    const path = `${STATES}/${snapshot}${SUFFIX}`;
    const fresh = `${path}.new`;
    await files.remove(fresh);
    const handle = await files.open(fresh, 'create');
    await files.write(handle, atOnce(encodeState(snapshot, state)), 0);
    await files.sync(handle);
    await files.rename(fresh, path);
    await files.syncDirectory(STATES);
  },
});

const readStates = async (files: JournalFiles): Promise<ReadonlyMap<string, SavedState>> => {
  const saved = new Map<string, SavedState>();
  for (const { name, bytes } of await files.list(STATES)) {
    if (!name.endsWith(SUFFIX)) continue;
    const content = Buffer.alloc(bytes);
    await files.read(await files.open(`${STATES}/${name}`, 'read'), content, 0);
    const snapshot = name.slice(0, -SUFFIX.length);
    const state = atOnce(decodeState(snapshot, content));
    if (state !== undefined) saved.set(snapshot, state);
  }
  return saved;
};
