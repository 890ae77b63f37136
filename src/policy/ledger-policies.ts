import { EventEmitter } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { DISK_LOOK_MS, POLICY_FOLLOW_ENTRIES, POLICY_PASTS_MAX } from '../base/limits.ts';
import { type Logger, silentLogger } from '../base/log.ts';
import { inSlices } from '../base/slices.ts';
import { sha256Hex } from '../codec/hash.ts';
import type { JsonObject } from '../codec/json.ts';
import type { Signatures } from '../entry/signatures.ts';
import { policyDate } from '../entry/time.ts';
import { archivedFault } from '../ledger/archive/port.ts';
import type { Cursor, Equivocation, HeldEntry, Ledger } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import type { PolicyNotices, PolicyState } from './book.ts';
import { CursorWaiters } from './cursor-waiters.ts';
import { type Decision, decideDelete, decideInsert, decideUpdate, type Writer } from './decide.ts';
import { PossibleErasures } from './erasure-judge.ts';
import { decideErase, type ErasureWish } from './erase.ts';
import { SNAPSHOT_OP } from './facts.ts';
import { createFold, type LedgerFold } from './fold.ts';
import { type PolicyVersion, versionsOf } from './history.ts';
import { LedgerMembers } from './ledger-members.ts';
import { LedgerSnapshots } from './ledger-snapshots.ts';
import type { Moment } from './moment.ts';
import { overtaken } from './overtaken.ts';
import { type Chronicle, type Past, pastAt } from './past.ts';
import type { Policies, PolicyView } from './policies.ts';
import { Assigning } from './permissions/assigning.ts';
import { Pruning, type PruningPorts } from './pruning.ts';
import { ReadAhead } from './read-ahead.ts';
import { registeredIn } from './registered.ts';
import type { SavedState } from './snapshot/saved.ts';
import { settle, SettleMemory } from './snapshot/settle.ts';
import { policyId, readPolicy } from './shape.ts';

/** The ledger that policies are read from and written to, and what the node knows beside it. */
export interface PoliciesPorts {
  readonly ledger: Ledger;
  /** The own public key: the author of everything that is written here. */
  readonly ownKey: PeerKey;
  readonly clock: Clock;
  /** Nodes known to hold the author's entry `seq`, this node included. */
  holders(author: string, seq: number): ReadonlySet<PeerKey>;
  /**
   * Whether a node policy stands for this node: then the network adds its key when it is inserted here. Default: no.
   */
  isOwn?(type: string, value: JsonObject): boolean;
  /**
   * Resolves when this node may write, for a moment after a start; default: at once. What is not allowed then, the
   * ledger refuses.
   */
  mayWrite?(): Promise<void>;
  readonly log?: Logger;
  /** Of what proves a snapshot. Default: real ones. */
  readonly signatures?: Pick<Signatures, 'hold'>;
  /** What a node needs that drops bodies; `saved`: what it kept when it did, by snapshot. */
  readonly pruning?: Pick<PruningPorts, 'archive' | 'states' | 'mayBegin'> & {
    readonly bodies: PruningPorts['ledger']['bodies'];
    readonly saved: ReadonlyMap<string, SavedState>;
  };
}

/** Opens the policies of a ledger and begins to take up its entries; `caughtUp` tells when the book is complete. */
export const createPolicies = (ports: PoliciesPorts): Policies => new LedgerPolicies(ports);

const writtenOf = (held: HeldEntry | undefined): HeldEntry => {
  if (held === undefined) throw fault('INTERNAL', 'an act of authority or an erasure is always written');
  return held;
};

class LedgerPolicies implements Policies {
  readonly notices = new EventEmitter<PolicyNotices>();
  readonly members: LedgerMembers;
  readonly snapshots: LedgerSnapshots;
  readonly pruning: Pruning | undefined;
  readonly #ports: PoliciesPorts;
  readonly #writer: Writer;
  readonly #assigning: Assigning;
  readonly #log: Logger;
  readonly #fold: LedgerFold = createFold();
  /** Hash of an entry → when it came here, milliseconds. */
  readonly #received = new Map<string, number>();
  readonly #memory = new SettleMemory();
  readonly chronicle: Chronicle = {
    facts: () => this.#fold.facts(),
    fact: (hash) => this.#fold.fact(hash),
    receivedMs: (hash) => this.#received.get(hash),
    memory: this.#memory,
    archive: { holders: () => this.#ports.pruning?.archive.holders() ?? [] },
  };
  #pasts = 0;
  /** Keys of writes that are decided and not yet in the book; a write that needs one waits for its promise. */
  readonly #inFlight = new Map<string, Promise<unknown>>();
  readonly #waiters = new CursorWaiters();
  readonly #reading: ReadAhead;
  #cursor: Cursor = 0;
  #following = false;
  #registered: { readonly revision: number; readonly peers: ReadonlySet<string> } = { revision: -1, peers: new Set() };
  #closed = false;
  readonly #onAppended = (): void => this.#follow();
  readonly #onEquivocation = (proof: Equivocation): void => this.#voidAuthor(proof);

  constructor(ports: PoliciesPorts) {
    // Each command that waits for a policy listens; how many run at once is bounded where they come in.
    this.notices.setMaxListeners(0);
    this.#ports = ports;
    this.#reading = new ReadAhead(ports.ledger, POLICY_FOLLOW_ENTRIES);
    this.#writer = { key: ports.ownKey, isOwn: (type, value) => ports.isOwn?.(type, value) ?? false };
    this.#log = ports.log ?? silentLogger;
    this.members = new LedgerMembers({
      authority: this.#fold.authority,
      ownKey: ports.ownKey,
      write: (decide) => this.#write(() => ({ proposal: decide(), keys: [] })).then(writtenOf),
    });
    this.snapshots = new LedgerSnapshots({
      ...{ fold: this.#fold, chronicle: this.chronicle, memory: this.#memory, ownKey: ports.ownKey },
      signatures: ports.signatures,
      registered: () => this.registered(),
      holders: (author, seq) => ports.holders(author, seq),
      caughtUp: () => this.caughtUp(),
      write: (decide) => this.#write(() => ({ proposal: decide(), keys: [SNAPSHOT_OP] })).then(writtenOf),
    });
    this.#assigning = new Assigning({
      ...{ view: this.#fold, writer: this.#writer },
      nextOf: (key) => (ports.ledger.clock().get(key) ?? 0) + 1,
      append: (proposal) => this.#write(() => ({ proposal, keys: [] })),
    });
    for (const [snapshot, state] of ports.pruning?.saved ?? []) this.#memory.saved.set(snapshot, state);
    this.pruning = ports.pruning === undefined ? undefined : this.#createPruning(ports.pruning);
    const possible = new PossibleErasures(this.#fold);
    ports.ledger.judgeErasures({
      mayErase: async (...[target, heard, find]) => {
        // Without the newest entries it is said by what is known, and asked again.
        await this.#reached(ports.ledger.size).catch(() => undefined);
        return possible.mayErase(target, heard, find);
      },
    });
    ports.ledger.notices.on('ledger:appended', this.#onAppended);
    ports.ledger.notices.on('ledger:equivocation', this.#onEquivocation);
    for (const proof of ports.ledger.equivocations()) this.#voidAuthor(proof);
    this.#follow();
  }

  get book(): PolicyView {
    return this.#fold;
  }

  async insert(policy: JsonObject): Promise<PolicyState> {
    await this.caughtUp();
    const id = await this.#assigning.insert(policy, async () => {
      const held = await this.#write(() => decideInsert(this.#fold, policy, this.#writer));
      return held?.entry.header.id ?? '';
    });
    return this.#stateOf(id);
  }

  async update(id: string, changes: JsonObject): Promise<PolicyState> {
    await this.caughtUp();
    const write = () => this.#write(() => decideUpdate(this.#fold, id, changes, this.#writer));
    await this.#assigning.update(id, changes, write);
    return this.#stateOf(id);
  }

  async delete(id: string): Promise<void> {
    await this.caughtUp();
    await this.#assigning.delete(id, () => this.#write(() => decideDelete(this.#fold, id, this.#writer)));
  }

  async erase(wish: ErasureWish): Promise<HeldEntry> {
    return writtenOf(await this.#write(() => decideErase(this.#fold, this.#writer.key, wish)));
  }

  prepare(policy: JsonObject): JsonObject {
    const { type, givenId, value } = readPolicy(policy);
    const date = value['date'] ?? policyDate(Math.floor(this.#ports.clock.wallMs() * 1_000));
    return { [type]: { ...value, id: givenId ?? policyId(type, value), date } };
  }

  ledgerOf(state: PolicyState): 'local' | 'global' {
    const registered = this.registered();
    if (registered.size === 0) return 'local';
    const holders = this.#ports.holders(state.author, state.seq);
    let holding = 0;
    for (const peer of registered) if (holders.has(peer)) holding += 1;
    return holding * 2 > registered.size ? 'global' : 'local';
  }

  registered(): ReadonlySet<PeerKey> {
    if (this.#registered.revision !== this.#fold.revision) {
      this.#registered = { revision: this.#fold.revision, peers: registeredIn(this.#fold) };
    }
    return this.#registered.peers;
  }

  document(state: PolicyState): JsonObject {
    return this.#documentOf(state, this.#fold.shown(state.id) ?? state.value);
  }

  original(state: PolicyState): JsonObject {
    return this.#documentOf(state, state.value);
  }

  async history(id: string): Promise<readonly PolicyVersion[]> {
    await this.caughtUp();
    const facts = this.#fold.factsOf(id);
    if (facts.length > 0) return inSlices(versionsOf(id, facts, this.#fold, this.chronicle));
    throw fault('POLICY_UNKNOWN', `no entry of the ledger names a policy ${id.slice(0, 128)}`, {
      data: { id: id.slice(0, 128) },
      hint: 'list the ids with: blockchain get * bring [*][id] separator = \\n',
    });
  }

  async past(moment: Moment, signal?: AbortSignal): Promise<Past> {
    if (this.#pasts >= POLICY_PASTS_MAX)
      throw fault('POLICY_PAST_BUSY', `${this.#pasts} questions about the past are being answered`, {
        hint: 'try again in a moment',
      });
    this.#pasts += 1;
    try {
      await this.caughtUp();
      return await inSlices(pastAt(this.chronicle, moment), signal);
    } finally {
      this.#pasts -= 1;
    }
  }

  async caughtUp(): Promise<void> {
    await this.#reached(this.#ports.ledger.size);
    if (this.#fold.lacksBodies()) throw archivedFault('the policies in force', this.#ports.pruning?.archive);
  }

  #createPruning({ bodies, ...ports }: NonNullable<PoliciesPorts['pruning']>): Pruning {
    const { ledger } = this.#ports;
    return new Pruning({
      ...{ ...ports, fold: this.#fold, memory: this.#memory },
      ledger: { bodies, byHash: (hash) => ledger.byHash(hash) },
      rootOf: (snapshot) => this.snapshots.rootOf(snapshot),
      caughtUp: () => this.caughtUp(),
      takeUp: async (held) => {
        const changed = this.#fold.add(held.map(({ entry }) => entry));
        const settled = await inSlices(settle(this.#fold, this.#memory));
        this.#announce([...new Set([...changed, ...settled])]);
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#ports.ledger.notices.off('ledger:appended', this.#onAppended);
    this.#ports.ledger.notices.off('ledger:equivocation', this.#onEquivocation);
    this.#waiters.fail(closedFault());
    this.notices.removeAllListeners();
  }

  #documentOf(state: PolicyState, value: JsonObject): JsonObject {
    return { [state.type]: { ...value, ledger: this.ledgerOf(state) } };
  }

  /**
   * Decides, appends, and resolves with the entry when it is in the book; undefined where nothing is to be changed.
   * Only writes that need the same id or claim wait for each other; the rest share the ledger's group commit.
   */
  async #write(decide: () => Decision | undefined): Promise<HeldEntry | undefined> {
    await this.#ports.mayWrite?.();
    for (;;) {
      if (this.#closed) throw fault('POLICY_CLOSED', 'the policies of this node are closed');
      await this.caughtUp();
      const decision = this.#decide(decide);
      if (decision === undefined) return undefined;
      if (!('wait' in decision)) return this.#append(decision);
      await decision.wait;
    }
  }

  /** The decision, or what to wait for before it can be made: another write may be about to change the answer. */
  #decide(decide: () => Decision | undefined): Decision | { readonly wait: Promise<unknown> } | undefined {
    const decision = decide();
    for (const key of decision?.keys ?? []) {
      const wait = this.#inFlight.get(key);
      if (wait !== undefined) return { wait };
    }
    return decision;
  }

  async #append({ proposal, keys }: Decision): Promise<HeldEntry> {
    const done = Promise.withResolvers<undefined>();
    for (const key of keys) this.#inFlight.set(key, done.promise);
    try {
      const held = await this.#ports.ledger.append(proposal);
      await this.#reached(held.cursor + 1);
      const effect = this.#fold.effectOf(held.entry.hash);
      const reason = typeof effect === 'object' && proposal.op !== SNAPSHOT_OP ? effect : undefined;
      if (reason !== undefined) throw overtaken(proposal.id ?? '', held.entry.hash, reason);
      return held;
    } finally {
      for (const key of keys) this.#inFlight.delete(key);
      done.resolve(undefined);
    }
  }

  #stateOf(id: string): PolicyState {
    const state = this.#fold.get(id);
    if (state === undefined)
      throw fault('POLICY_UNKNOWN', `policy ${id} was deleted at the same moment`, { data: { id } });
    return state;
  }

  /** Resolves when the book holds the entries before `cursor`. */
  #reached(cursor: Cursor): Promise<void> {
    if (this.#cursor >= cursor) return Promise.resolve();
    if (this.#closed) return Promise.reject(closedFault());
    const reached = this.#waiters.until(cursor);
    this.#follow();
    return reached;
  }

  /** Takes up what is new, in batches; own and foreign entries alike. One run at a time. */
  #follow(): void {
    if (this.#following || this.#closed) return;
    this.#following = true;
    void this.#takeUp();
  }

  async #takeUp(): Promise<void> {
    try {
      while (!this.#closed && (this.#cursor < this.#ports.ledger.size || this.#fold.snapshots.isStale)) {
        const { held, next } = await this.#reading.piece(this.#cursor);
        const { revision } = this.#fold.authority;
        for (const { entry, receivedMs } of held) this.#received.set(entry.hash, receivedMs);
        const changed = this.#fold.add(held.map(({ entry }) => entry));
        const settled = await inSlices(settle(this.#fold, this.#memory));
        this.#cursor = next;
        this.#noteErasures();
        this.#announce([...new Set([...changed, ...settled])]);
        if (this.#fold.authority.revision !== revision) this.notices.emit('members:changed');
        this.#waiters.reached(this.#cursor);
      }
    } catch (caught) {
      this.#log.error('cannot read the ledger', { code: asFault(caught).code, text: asFault(caught).message });
      this.#waiters.fail(caught);
      this.#ports.clock.after(DISK_LOOK_MS, () => this.#follow());
    } finally {
      this.#following = false;
    }
  }

  #voidAuthor({ author, seq, entries }: Equivocation): void {
    const [by = ''] = entries
      .slice(0, 2)
      .map(({ header }) => sha256Hex(header))
      .sort();
    this.#announce(this.#fold.voidAuthor(author, seq, by));
    this.#noteErasures();
    this.notices.emit('members:changed');
    this.#settleSoon();
  }

  /** What snapshots settle may be another now. */
  #settleSoon(): void {
    if (this.#fold.snapshots.isStale) this.#follow();
  }

  /** Tells the ledger which bodies are erased, and which that it may have dropped are not. */
  #noteErasures(): void {
    for (const note of this.#fold.takeErasures()) {
      this.#reading.forget();
      this.#ports.ledger.noteErasure(note);
      if (!note.inForce && this.#fold.fact(note.target)?.bodiless === true) void this.#lookForBody(note.target);
    }
  }

  /** The erasure is void now; the ledger may still have the body. */
  async #lookForBody(hash: string): Promise<void> {
    try {
      const held = await this.#ports.ledger.byHash(hash);
      if (held === undefined || held.entry.bodiless === true) return;
      this.#announce(this.#fold.add([held.entry]));
      this.#settleSoon();
    } catch (caught) {
      if (this.#closed) return;
      this.#log.warn(
        `cannot read the entry ${hash}, which is erased no more: ${asFault(caught).message}; it is tried again`,
      );
      this.#ports.clock.after(DISK_LOOK_MS, () => void this.#lookForBody(hash));
    }
  }

  /** A listener that fails harms neither the book nor the other listeners. */
  #announce(changed: readonly string[]): void {
    if (changed.length === 0) return;
    for (const listener of this.notices.listeners('policy:changed')) {
      try {
        listener(changed);
      } catch (caught) {
        this.#log.error('a listener of policy:changed failed', { text: asFault(caught).message });
      }
    }
  }
}

const closedFault = (): HoldfastError => fault('POLICY_CLOSED', 'the policies of this node are closed');
