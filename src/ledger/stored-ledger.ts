import { EventEmitter } from 'node:events';
import type { Clock } from '../base/clock.ts';
import { type DiskHealth, unwatchedDisk } from '../base/disk.ts';
import { asFault, fault, type HoldfastError } from '../base/errors.ts';
import { GROUP_COMMIT_ENTRIES_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { signatureHolds, signatureHoldsInBackground } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { Signatures } from '../entry/signatures.ts';
import type { PeerKey } from '../network/network.ts';
import { type AcceptState, ignored } from './accept.ts';
import { Bodies } from './bodies.ts';
import { AppendPermission } from './append-permission.ts';
import { Chains } from './chain.ts';
import { checkAhead, type CheckAhead, withLastChecked } from './check-ahead.ts';
import { CommitQueue, type Job } from './commit-queue.ts';
import { DamagedLines, logDamaged } from './damaged-lines.ts';
import { Draft } from './draft.ts';
import { Erasures } from './erasures.ts';
import { ForkProofs } from './fork-proofs.ts';
import type {
  Acceptance,
  Cursor,
  Equivocation,
  ErasureJudge,
  ErasureNote,
  HeldEntry,
  Ledger,
  LedgerClock,
  LedgerNotices,
  LedgerStatus,
  LogPiece,
  Proposal,
  VoucherSearch,
} from './ledger.ts';
import { genesisEntry, nextOwnEntry, type OwnEntryPorts, Salts } from './own-entry.ts';
import { OwnSignatures, SIGNED_AT_ONCE_MAX } from './own-signatures.ts';
import { type VoucherSource, voucherSource, vouchersOf } from './proof.ts';
import { acceptAll, acceptDue } from './proven.ts';
import { Reader } from './reader.ts';
import { RecentEntries } from './recent.ts';
import { Recovery } from './recovery.ts';
import { screen } from './screen.ts';
import { SignatureCheck } from './signature-check.ts';
import type { EntryStore } from './store.ts';
import type { Candidate } from './vouch.ts';
import { tell } from './tell.ts';
import { WaitingRoom } from './waiting-room.ts';
import { wantedOf } from './wanted.ts';

/** What a ledger works with: key, store, clock, chance; real ones on a node, simulated ones in tests. */
export interface LedgerPorts {
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Told how writes end. */
  readonly disk?: DiskHealth;
  readonly store: EntryStore;
  /** Check signatures after the fact on the thread pool; otherwise at once, the same on every run. */
  readonly useThreadPool: boolean;
  readonly signatures: Signatures;
}

/** Entries held back are looked at again after this at the latest: the wall clock may be corrected meanwhile. */
const HELD_BACK_LOOK_MS_MAX = 60_000;

/** Opens the ledger that a store holds, and owns the store from then on. */
export const openStoredLedger = async (ports: LedgerPorts): Promise<StoredLedger> => {
  const ledger = new StoredLedger(ports);
  await ledger.start();
  return ledger;
};

/** The ledger over any store. One writer; nobody sees an entry before it is durable. */
export class StoredLedger implements Ledger {
  readonly notices = new EventEmitter<LedgerNotices>();
  readonly bodies: Bodies;
  readonly #ports: LedgerPorts;
  readonly #chains: Chains;
  readonly #waiting = new WaitingRoom();
  readonly #recent = new RecentEntries();
  readonly #queue = new CommitQueue((group) => this.#commit(group));
  readonly #proofs: ForkProofs;
  readonly #signatures: SignatureCheck;
  readonly #reader: Reader;
  readonly #vouching: VoucherSource;
  readonly #erasures: Erasures;
  readonly #own: OwnEntryPorts;
  readonly #ahead: CheckAhead | undefined;
  #network: string | undefined;
  readonly #damaged: DamagedLines;
  readonly #permission: AppendPermission;
  readonly #recovery: Recovery;
  #closed = false;
  #cancelLook: (() => void) | undefined;

  constructor(ports: LedgerPorts) {
    this.#ports = ports;
    this.#own = { key: ports.key, clock: ports.clock, salts: new Salts(ports.random) };
    const { store, log, clock, useThreadPool, signatures, disk = unwatchedDisk } = ports;
    this.#ahead = useThreadPool ? checkAhead(signatures) : undefined;
    const { author } = ports.key;
    const chains = new Chains(store.places());
    this.#chains = chains;
    this.#damaged = new DamagedLines({ author, chains, store });
    this.#permission = new AppendPermission({ author, chains, waiting: this.#waiting, damaged: this.#damaged });
    this.#network = store.network();
    this.#recovery = new Recovery({ ...ports, disk, onRecovered: () => this.#lookAgainLater() });
    const signaturePorts = {
      read: (cursor: Cursor, limit: number) => this.#reader.follow(cursor, limit),
      holds: ({ entry }: HeldEntry) =>
        useThreadPool ? signatureHoldsInBackground(entry, signatures) : signatureHolds(entry, signatures),
      saveMark: store.saveSignatureMark.bind(store),
      log,
      clock: useThreadPool ? clock : undefined,
    };
    this.#erasures = new Erasures({
      ...{ chains: this.#chains, recent: this.#recent, store, clock, log },
      onErased: (author) => void this.#proofs.erased(author),
    });
    this.#signatures = new SignatureCheck(signaturePorts, store.signatureMark(), this.#chains.size);
    this.#reader = new Reader({
      ...{ chains, store, recent: this.#recent },
      isBadlySigned: (cursor) => this.#signatures.isBad(cursor),
      isErased: (hash) => this.#erasures.by(hash) !== undefined,
    });
    this.#vouching = voucherSource(chains, this.#reader, this.#signatures, signatures);
    this.#proofs = new ForkProofs(this.#vouching, this.notices, log);
    this.bodies = new Bodies({ chains, store, recent: this.#recent, reader: this.#reader, erasures: this.#erasures });
  }

  /** Tells of damage that is not mended, reads the proofs of equivocation, then begins to check signatures in the background. */
  async start(): Promise<void> {
    for (const line of this.#damaged.open()) logDamaged(this.#ports.log, line);
    for (const author of this.#chains.forks().keys()) await this.#proofs.prove(author);
    this.#signatures.start();
    const { failure } = this.#ports.store;
    if (failure !== undefined) this.#recovery.failed(failure);
  }

  get author(): PeerKey {
    return this.#ports.key.author;
  }

  get network(): string | undefined {
    return this.#network;
  }

  get size(): Cursor {
    return this.#chains.size;
  }

  get version(): string {
    return this.#chains.version();
  }

  createNetwork(name: string, admission: 'open' | 'invite'): Promise<HeldEntry> {
    return this.#write((draft) => {
      if (draft.network !== undefined)
        throw fault('LEDGER_NETWORK_EXISTS', `this node belongs to network ${draft.network} already`, {
          hint: 'a directory holds one network: use another one',
        });
      const genesis = genesisEntry(this.#own, name, admission);
      draft.network = genesis.hash;
      this.#permission.allow();
      return genesis;
    });
  }

  allowAppend(): void {
    this.#permission.allow();
  }

  forbidAppend(reason: HoldfastError): () => void {
    return this.#permission.forbid(reason);
  }

  append(proposal: Proposal): Promise<HeldEntry> {
    return this.#write((draft) => {
      if (draft.network !== undefined) this.#permission.assert(draft.fork(this.author));
      return nextOwnEntry(this.#own, draft, proposal);
    });
  }

  async offer(...[entries, from, covered]: Parameters<Ledger['offer']>): Promise<readonly Acceptance[]> {
    const refusal = this.#refusal(entries.length);
    if (refusal !== undefined) return entries.map(() => ignored(refusal.code, refusal.message));
    const known = { chains: this.#chains, waiting: this.#waiting, erasures: this.#erasures };
    const state = { ...known, network: this.#network, covered };
    const { candidates, refused, hashes } = await screen(state, entries, from, this.#ports.signatures, this.#ahead);
    const verdicts = new Map(refused);
    for (let at = 0; at < candidates.length; at += GROUP_COMMIT_ENTRIES_MAX) {
      const part = candidates.slice(at, at + GROUP_COMMIT_ENTRIES_MAX);
      const group = this.#ahead === undefined ? part : await withLastChecked(part, this.#ahead);
      // It may have been closed while the entries were checked.
      if (!this.#closed) await this.#offerGroup(group, verdicts);
      else for (const { entry } of group) verdicts.set(entry.hash, ignored('LEDGER_CLOSED', 'the ledger is closed'));
    }
    return hashes.map((hash) => verdicts.get(hash) ?? ignored('LEDGER_DUPLICATE', 'held already'));
  }

  clock(): LedgerClock {
    return new Map([...this.#chains.heads()].map(([author, head]) => [author, head.seq]));
  }

  heads(): ReadonlyMap<string, string> {
    return new Map([...this.#chains.heads()].map(([author, head]) => [author, head.hash]));
  }

  equivocations(): readonly Equivocation[] {
    return this.#proofs.list();
  }

  wanted(from = 0): readonly string[] {
    return wantedOf(this.#chains, this.#waiting, from);
  }

  status(): LedgerStatus {
    return {
      entries: this.size,
      ...{ waiting: this.#waiting.size - this.#waiting.heldBack, heldBack: this.#waiting.heldBack },
      ownAheadMs: Math.max(0, (this.#chains.head(this.author)?.time ?? 0) / 1_000 - this.#ports.clock.wallMs()),
      voidAuthors: this.#proofs.size,
      signatures: this.#signatures.counts,
      ...{ damaged: this.#damaged.open(), mended: this.#damaged.mended },
      bodies: { erasing: this.#erasures.open, missing: this.#erasures.missing },
      ...{ mayAppend: this.#permission.granted, forbidden: this.#permission.forbidden },
      failure: this.#recovery.failure?.message,
      index: this.#ports.store.index,
    };
  }

  nothingLacks(): void {
    this.#damaged.nothingLacks();
  }

  noteErasure(note: ErasureNote): void {
    if (!this.#closed) this.#erasures.note(note);
  }

  judgeErasures(judge: ErasureJudge): void {
    this.#erasures.judge = judge;
  }

  erasedBy(hash: string): string | undefined {
    return this.#erasures.by(hash);
  }

  erased(): readonly string[] {
    return this.#erasures.all();
  }

  missedBodies(from = 0): readonly string[] {
    return this.#erasures.missed(from);
  }

  async follow(cursor: Cursor, limit: number, source?: 'stored'): Promise<readonly HeldEntry[]> {
    return this.#openReader().follow(cursor, limit, source);
  }

  async log(author: string, fromSeq: number, bytes: number): Promise<readonly HeldEntry[]> {
    return (await this.logs([{ author, fromSeq, bytes }]))[0] ?? [];
  }

  async logs(pieces: readonly LogPiece[]): Promise<readonly (readonly HeldEntry[])[]> {
    return this.#openReader().logs(pieces);
  }

  async byHash(hash: string): Promise<HeldEntry | undefined> {
    return this.#openReader().byHash(hash);
  }

  async vouchers(hash: string, search: VoucherSearch): Promise<readonly Entry[] | undefined> {
    const held = await this.byHash(hash);
    return held === undefined ? [] : vouchersOf(this.#vouching, held, search);
  }

  hashAt(cursor: Cursor): string | undefined {
    return this.#chains.at(cursor)?.hash;
  }

  async byPolicy(id: string): Promise<readonly HeldEntry[]> {
    return this.#openReader().byPolicy(id);
  }

  /** Resolves when every signature held at the time of the call was checked. */
  signaturesChecked(): Promise<void> {
    return this.#signatures.finished();
  }

  /** Finishes what was asked for, then lets go of the store. Safe to call twice. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelLook?.();
    await this.#queue.idle();
    await this.#erasures.close();
    await this.#recovery.close();
    await this.#signatures.close();
    this.notices.removeAllListeners();
    await this.#ports.store.close();
  }

  #openReader(): Reader {
    if (this.#closed) throw fault('LEDGER_CLOSED', 'the ledger is closed');
    return this.#reader;
  }

  #refusal(entries: number): HoldfastError | undefined {
    if (this.#closed) return fault('LEDGER_CLOSED', 'the ledger is closed');
    return this.#recovery.failure ?? this.#queue.refusal(entries);
  }

  #write(make: (draft: Draft) => Entry): Promise<HeldEntry> {
    return new Promise((resolve, reject) => {
      const refusal = this.#refusal(1);
      if (refusal !== undefined) {
        reject(refusal);
        return;
      }
      let cursor: Cursor;
      this.#queue.push({
        entries: 1,
        stage: ({ draft }, sign) => {
          const entry = make(draft);
          sign(entry);
          cursor = draft.stage(entry, true).place.cursor;
        },
        done: (group) => {
          const held = group[cursor - (group[0]?.cursor ?? 0)];
          if (held !== undefined) resolve(held);
        },
        fail: reject,
      });
    });
  }

  #offerGroup(candidates: readonly Candidate[], verdicts: Map<string, Acceptance>): Promise<void> {
    return new Promise((resolve) => {
      let staged: ReadonlyMap<string, Acceptance> = new Map();
      this.#queue.push({
        entries: candidates.length,
        stage: (state) => {
          staged = acceptAll(state, candidates);
        },
        done: () => {
          for (const [hash, verdict] of staged) verdicts.set(hash, verdict);
          resolve();
        },
        fail: (caught) => {
          const { code, message } = asFault(caught);
          for (const { entry } of candidates) verdicts.set(entry.hash, ignored(code, message));
          resolve();
        },
      });
    });
  }

  /** Makes the group, saves it, then shows it: in this order, so that nobody ever sees what a crash could take back. */
  async #commit(group: readonly Job[]): Promise<void> {
    if (this.#recovery.failure !== undefined) {
      for (const job of group) job.fail(this.#recovery.failure);
      return;
    }
    const { clock, key, store, useThreadPool, signatures } = this.#ports;
    const draft = new Draft(this.#chains, this.#network, key.author);
    const misses = (hash: string): boolean => this.#erasures.misses(hash);
    const state: AcceptState = { draft, waiting: this.#waiting, misses, nowMicros: clock.wallMs() * 1_000, signatures };
    const own = new OwnSignatures(signatures, key, useThreadPool && group.length > SIGNED_AT_ONCE_MAX);
    const made: Job[] = [];
    for (const job of group) {
      try {
        job.stage(state, own.sign);
        made.push(job);
      } catch (caught) {
        job.fail(caught);
      }
    }
    try {
      await own.finished();
    } catch (caught) {
      for (const job of made) job.fail(caught);
      return;
    }
    const receivedMs = Math.floor(clock.wallMs());
    const held = draft.staged.map(({ entry, place }) => ({ entry, cursor: place.cursor, receivedMs }));
    try {
      if (held.length > 0) await store.write(held, (hash) => draft.get(hash)?.cursor);
    } catch (caught) {
      const failure = this.#recovery.failed(caught);
      for (const job of made) job.fail(failure);
      return;
    }
    await this.#publish(draft, held);
    for (const job of made) job.done(held);
    this.#lookAgainLater();
  }

  async #publish(draft: Draft, held: readonly HeldEntry[]): Promise<void> {
    const forked = new Set<string>();
    for (const { place } of draft.staged) if (this.#proofs.lacks(place.author)) forked.add(place.author);
    for (const [at, { place }] of draft.staged.entries()) {
      const entry = held[at];
      if (entry !== undefined) this.#recent.add(entry);
      if (entry?.entry.bodiless !== true) this.#erasures.found(place.hash);
      if (this.#chains.add(place)) forked.add(place.author);
    }
    this.#network = draft.network;
    for (const author of forked) await this.#proofs.prove(author);
    const first = draft.staged[0]?.place.cursor;
    if (first === undefined) return;
    this.#signatures.extend(
      this.#chains.size,
      draft.staged.flatMap(({ place, ownHolds }) => (ownHolds ? place.cursor : [])),
    );
    tell(this.notices, this.#ports.log, 'ledger:appended', first);
  }

  #lookAgainLater(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
    const due = this.#waiting.nextDueMicros();
    if (due === undefined || this.#closed) return;
    const { clock } = this.#ports;
    const ms = Math.min(HELD_BACK_LOOK_MS_MAX, Math.max(1, due / 1_000 - clock.wallMs()));
    this.#cancelLook = clock.after(ms, () => {
      if (!this.#closed) this.#queue.push({ entries: 1, stage: acceptDue, done: () => {}, fail: () => {} });
    });
  }
}
