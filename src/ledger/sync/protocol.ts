import type { Clock } from '../../base/clock.ts';
import { fault } from '../../base/errors.ts';
import { inSlices } from '../../base/slices.ts';
import {
  ENTRIES_WANTED_MAX,
  SYNC_CLOCK_PAGE_MAX,
  SYNC_OPENED_MAX,
  SYNC_INTERVAL_MS,
  SYNC_PROOFS_MAX,
  SYNC_REJECTED_MAX,
  SYNC_STALL_MS,
} from '../../base/limits.ts';
import { sha256Hex } from '../../codec/hash.ts';
import { parseErasable } from '../../entry/check.ts';
import type { RawEntry } from '../../entry/entry.ts';
import type { Channel, PeerKey } from '../../network/network.ts';
import { type Cover, CoveredLogs } from '../cover.ts';
import type { Acceptance, Ledger } from '../ledger.ts';
import { voucherSearch } from '../proof.ts';
import { onItsOwn } from '../own-bytes.ts';
import { answerFrames } from './answer.ts';
import {
  type AskMessage,
  type ControlMessage,
  decodeMessage,
  encodeControl,
  type HaveMessage,
  isEntries,
  type LogsMessage,
  type ProofMessage,
  type SyncMessage,
  type WantMessage,
} from './messages.ts';
import { answerCost } from './serving.ts';
import {
  bodiesWant,
  type Holdings,
  nextWant,
  otherProofs,
  received,
  type Round,
  ROUND_START,
  wanting,
} from './state.ts';

/** Sends one message that is JSON. `NETWORK_…` where the channel is broken or closed. */
export const send = (channel: Channel, message: ControlMessage): Promise<void> => channel.send(encodeControl(message));

/** What the answering side needs: what is held here, and how much the peer may ask and be given. */
export interface AnswerPorts {
  readonly ledger: Ledger;
  holdings(): Holdings;
  /** Bodies are archived here, and the peer can be told. */
  archived(): boolean;
  /** What the last snapshot in force covers, and what proves it. */
  readonly cover: () => Promise<Cover | undefined>;
  onAsk(peer: PeerKey, message: AskMessage): void;
  onHave(peer: PeerKey, message: HaveMessage): void;
  /** Whether the peer may send that much now. */
  mayAsk(peer: PeerKey, bytes: number): boolean;
  /** So many entries were sent to the peer: resolves when it may be answered again. */
  rest(peer: PeerKey, entries: number): Promise<void>;
}

/** The side that answers: one message after the other, until the peer closes the channel. */
export const answer = async (channel: Channel, ports: AnswerPorts): Promise<void> => {
  for await (const frame of channel) {
    if (!ports.mayAsk(channel.peer, frame.byteLength))
      throw fault('LEDGER_SYNC_FLOOD', 'ledger sync: the peer asks and tells without end');
    const message = decodeMessage(frame);
    if (message.kind === 'ask') {
      ports.onAsk(channel.peer, message);
      const told = await tellHoldings(channel, ports.holdings(), message, ports.archived());
      await ports.rest(channel.peer, told / CLOCK_ITEMS_AN_ENTRY);
    } else if (message.kind === 'want') {
      const proofCost = await sendAnswer(channel, ports, message);
      await send(channel, { kind: 'end' });
      await ports.rest(channel.peer, answerCost(message, ports.holdings()) + proofCost);
    } else if (message.kind === 'have') ports.onHave(channel.peer, message);
    else throw fault('LEDGER_SYNC_UNEXPECTED', `ledger sync: "${message.kind}" from the side that asks`);
  }
};

/**
 * Resolves with what the proof of a snapshot and the search for vouchers cost, in entries: whoever wants it over and
 * over waits for it.
 */
const sendAnswer = async (channel: Channel, { ledger, cover }: AnswerPorts, want: WantMessage): Promise<number> => {
  const search = voucherSearch();
  let cost = search.left;
  for await (const frame of answerFrames(ledger, want, cover, search)) {
    if (!isEntries(frame)) cost += frame.byteLength / PROOF_BYTES_AN_ENTRY;
    await channel.send(frame);
  }
  return cost - search.left;
};

const PROOF_BYTES_AN_ENTRY = 512;

/** Items of the clock that take about as much as an entry. */
const CLOCK_ITEMS_AN_ENTRY = 8;

/** SPEC §4: who we are; then, unless that says it all, the whole clock in pages. Resolves with the number of items. */
const tellHoldings = async (channel: Channel, mine: Holdings, ask: AskMessage, archived: boolean): Promise<number> => {
  const net = mine.network ?? null;
  const same = net === ask.net && mine.version === ask.version;
  const is = { kind: 'is', net, version: mine.version ?? '', same } as const;
  await send(channel, archived ? { ...is, archived } : is);
  if (same || isOtherNetwork(net, ask.net)) return 0;
  const [heads, forks] = [headsOf(mine), [...mine.forks]];
  const pages = Math.max(1, Math.ceil(Math.max(heads.length, forks.length) / SYNC_CLOCK_PAGE_MAX));
  for (let page = 0; page < pages; page += 1) {
    const [from, to] = [page * SYNC_CLOCK_PAGE_MAX, (page + 1) * SYNC_CLOCK_PAGE_MAX];
    await send(channel, {
      kind: 'clock',
      heads: heads.slice(from, to),
      forks: forks.slice(from, to),
      more: page + 1 < pages,
    });
  }
  return heads.length + forks.length;
};

/** As they are sent. */
export const headsOf = ({ heads }: Pick<Holdings, 'heads'>): HaveMessage['heads'] =>
  [...heads].map(([author, { seq, hash }]) => [author, seq, hash]);

/** Whether both sides belong to a network and not to the same one; who belongs to none yet may exchange with all. */
export const isOtherNetwork = (mine: string | null | undefined, theirs: string | null | undefined): boolean =>
  typeof mine === 'string' && typeof theirs === 'string' && mine !== theirs;

/** The right to fetch: one peer at a time, so that several do not send the same. */
export interface Turn {
  /** Whether it is time to let another peer go first. */
  over(): boolean;
  release(): void;
}

/** What the asking side needs: what is held here, whose turn it is, and who judges what comes. */
export interface PullPorts {
  readonly ledger: Ledger;
  readonly clock: Clock;
  holdings(): Holdings;
  turn(): Promise<Turn>;
  /**
   * Whether entries are taken from the peer without the bodies that were dropped there, which others keep: not by a
   * node that keeps all for others, and not while one in reach gives them whole.
   */
  takesBare(peer: PeerKey, theirs: Holdings): Promise<boolean>;
  /**
   * The root over the logs of a snapshot that entries prove; undefined where it does not hold by what is known here.
   * `LEDGER_SYNC_UNPROVEN`.
   */
  prove(proof: readonly RawEntry[]): Promise<string | undefined>;
  /** The peer's holdings are known. */
  onTold(theirs: Holdings): void;
  /** So many entries of the peer were taken in. */
  onGave(entries: number): void;
}

/** What one exchange brought. */
export interface Pulled {
  /** Something was asked for. */
  readonly wanted: boolean;
  readonly accepted: number;
  /** The last entry that was refused though the peer holds it, if any was. */
  readonly rejected: Acceptance | undefined;
}

/**
 * The side that asks: one exchange (SPEC §4). Resumable: what arrived is kept, the next exchange asks for the rest.
 * `LEDGER_OTHER_NETWORK`; `LEDGER_SYNC_…` where the peer breaks the protocol; `NETWORK_…`.
 */
export const pull = async (channel: Channel, ports: PullPorts): Promise<Pulled> => {
  const exchange = new Exchange(channel, ports);
  await exchange.ask();
  await exchange.fetch();
  return exchange;
};

class Exchange implements Pulled {
  wanted = false;
  accepted = 0;
  rejected: Acceptance | undefined;
  #rejections = 0;
  #round: Round = ROUND_START;
  /**
   * Entries that are refused, by hash, and may be taken with what is still to come: what vouches for one, or shows a
   * fork with it.
   */
  #open = new Map<string, Refused>();
  /** Hashes of all that were among them in this exchange. */
  readonly #opened = new Set<string>();
  /** Authors of forks whose other proofs are still to be asked for; undefined until nothing else is lacking. */
  #proofs: readonly string[] | undefined;
  /** Entries are taken without the bodies that were dropped at the peer. */
  #bare = false;
  /** The `logs` root of the proof that was heard, and what is told that it covers. */
  #told: { readonly root: string; readonly logs: CoveredLogs } | undefined;
  #covered: CoveredLogs | undefined;
  readonly #wantedFrom: number;
  readonly #channel: Channel;
  readonly #ports: PullPorts;

  constructor(channel: Channel, ports: PullPorts) {
    this.#channel = channel;
    this.#ports = ports;
    // Another part each time, where there are many.
    this.#wantedFrom = Math.floor(ports.clock.monotonicMs() / SYNC_INTERVAL_MS) * ENTRIES_WANTED_MAX;
  }

  async ask(): Promise<void> {
    const mine = this.#ports.holdings();
    await send(this.#channel, { kind: 'ask', net: mine.network ?? null, version: mine.version ?? '' });
    await this.#receive();
    this.#refuseOtherNetwork();
    while (this.#round.phase === 'counting') await this.#receive();
    this.#ports.onTold(this.#round.phase === 'same' ? mine : this.#round.theirs);
  }

  async fetch(): Promise<void> {
    const isSame = this.#round.phase === 'same';
    const next = isSame ? () => bodiesWant(this.#ports.ledger.missedBodies(this.#wantedFrom)) : () => this.#nextWant();
    if (next() === undefined) return;
    const turn = await this.#ports.turn();
    try {
      let before = '';
      // Looked at anew: who went first may have given all of it.
      for (let want = next(); want !== undefined; want = next()) {
        this.#refuseOtherNetwork();
        // Who begins lacks all of it; who has not got on lacks, it seems, what was dropped there.
        if (!isSame && (this.#ports.ledger.size === 1 || JSON.stringify(want) === before)) await this.#lookIfBare();
        if (this.#bare) want = { ...want, bare: true };
        const asked = JSON.stringify(want);
        // The same again would bring the same again.
        if (asked === before) break;
        before = asked;
        // Nobody may have a body any more: that is no failure of the peer.
        this.wanted = !isSame;
        this.#round = wanting(this.#round, want);
        this.#noteProofs(want);
        await send(this.#channel, want);
        while (this.#round.phase === 'fetching') await this.#takeIn(await this.#receive(), turn);
      }
    } finally {
      turn.release();
    }
    for (const { entry, acceptance } of this.#open.values())
      if (acceptance.verdict === 'reject' && (isUnvouched(acceptance) || !this.#mayKnowMore(entry)))
        this.#reject(acceptance);
      else this.rejected = acceptance;
  }

  /** Whether the peer says that the author's log is forked: then it may know more of it than this node, by then. */
  #mayKnowMore(entry: RawEntry): boolean {
    return this.#round.theirs.forks.has(parseErasable(entry).header.author);
  }

  async #lookIfBare(): Promise<void> {
    if (this.#bare || !this.#round.archived) return;
    this.#bare = await this.#ports.takesBare(this.#channel.peer, this.#round.theirs);
  }

  #nextWant(): WantMessage | undefined {
    const unvouched = [...this.#open].flatMap(([hash, { acceptance }]) => (isUnvouched(acceptance) ? hash : []));
    const missed = [...unvouched, ...this.#ports.ledger.wanted(this.#wantedFrom)];
    const want = nextWant(this.#ports.holdings(), this.#round.theirs, missed);
    const proofs = this.#openProofs().slice(0, SYNC_PROOFS_MAX);
    return proofs.length === 0 ? want : { kind: 'want', ranges: [], hashes: [], ...want, proofs: [...proofs] };
  }

  /**
   * Where no clock shows that anything is lacking: the proofs of forks that the peer proves otherwise, each asked for
   * once.
   */
  #openProofs(): readonly string[] {
    return this.#proofs ?? otherProofs(this.#ports.holdings(), this.#round.theirs);
  }

  #noteProofs({ proofs }: WantMessage): void {
    if (proofs.length > 0) this.#proofs = this.#openProofs().filter((author) => !proofs.includes(author));
  }

  #refuseOtherNetwork(): void {
    const [mine, theirs] = [this.#ports.holdings().network, this.#round.theirs.network];
    if (isOtherNetwork(mine, theirs))
      throw fault('LEDGER_OTHER_NETWORK', `the peer belongs to network ${theirs}; this node to ${mine}`, {
        data: { theirs, mine },
        hint: 'a node belongs to one network for good: remove the address, or start with another --dir',
      });
  }

  async #receive(): Promise<SyncMessage> {
    const { clock } = this.#ports;
    const cancel = clock.after(SYNC_STALL_MS, () =>
      this.#channel.abort(fault('LEDGER_SYNC_STALLED', `the peer said nothing for ${SYNC_STALL_MS} ms`)),
    );
    try {
      const next = await this.#channel[Symbol.asyncIterator]().next();
      if (next.done === true) throw fault('NETWORK_CHANNEL_CLOSED', 'ledger sync: the peer ended the exchange early');
      const message = decodeMessage(next.value);
      this.#round = received(this.#round, message);
      return message;
    } finally {
      cancel();
    }
  }

  async #takeIn(message: SyncMessage, turn: Turn): Promise<void> {
    if (message.kind === 'proof' || message.kind === 'logs') await this.#hear(message);
    if (message.kind !== 'entries') return;
    await this.#checkCover();
    const offered = [...[...this.#open.values()].map(({ entry }) => entry), ...message.entries];
    this.#open.clear();
    const before = this.accepted;
    const acceptances = await this.#ports.ledger.offer(offered, this.#channel.peer, this.#covered);
    for (const [at, acceptance] of acceptances.entries()) this.#note(acceptance, offered[at]);
    if (this.accepted > before) this.#ports.onGave(this.accepted - before);
    // Those that came first may come again.
    for (const hash of [...this.#open.keys()].slice(0, Math.max(0, this.#open.size - ENTRIES_WANTED_MAX)))
      this.#open.delete(hash);
    if (turn.over()) throw fault('LEDGER_SYNC_TURN_OVER', 'another peer goes first; this exchange is resumed later');
  }

  #note(acceptance: Acceptance, entry: RawEntry | undefined): void {
    const { verdict, code = '', text = 'the ledger takes nothing in' } = acceptance;
    if (verdict === 'accept') this.accepted += 1;
    else if (MAY_BE_PROVEN.has(code) && entry !== undefined && this.#mayStayOpen(sha256Hex(entry.header)))
      this.#open.set(sha256Hex(entry.header), { entry: onItsOwn(entry), acceptance });
    else if (verdict === 'reject') this.#reject(acceptance);
    else if (CANNOT_WRITE.has(code)) throw fault(code, text);
  }

  /** Who answers each question with further entries that nothing vouches for would be asked without end. */
  #mayStayOpen(hash: string): boolean {
    if (!this.#opened.has(hash) && this.#opened.size >= SYNC_OPENED_MAX) return false;
    this.#opened.add(hash);
    return true;
  }

  /**
   * Nothing is kept of what no proof stands before: a proof that does not hold here ends what an earlier one allowed,
   * too.
   */
  async #hear(message: ProofMessage | LogsMessage): Promise<void> {
    if (message.kind === 'proof') {
      this.#covered = undefined;
      const root = await this.#ports.prove(message.entries);
      this.#told = root === undefined ? undefined : { root, logs: new CoveredLogs() };
    } else for (const { author, hashes } of message.logs) this.#told?.logs.add(author, hashes);
  }

  /** What was told of a snapshot is over with the first entries that come. */
  async #checkCover(): Promise<void> {
    const told = this.#told;
    if (told === undefined) return;
    this.#told = undefined;
    if ((await inSlices(told.logs.root())) !== told.root)
      throw fault('LEDGER_SYNC_UNPROVEN', 'ledger sync: the logs are not those that the snapshot names');
    this.#covered = told.logs;
  }

  #reject(acceptance: Acceptance): void {
    this.rejected = acceptance;
    // A newer program wrote it, and the peer has one too.
    if (acceptance.code === 'ENTRY_VERSION_UNKNOWN') return;
    this.#rejections += 1;
    if (this.#rejections > SYNC_REJECTED_MAX)
      throw fault('LEDGER_SYNC_REJECTED', `the peer sent entries that cannot be taken in: ${acceptance.text}`, {
        data: { code: acceptance.code },
      });
  }
}

interface Refused {
  readonly entry: RawEntry;
  readonly acceptance: Acceptance;
}

const isUnvouched = ({ code }: Acceptance): boolean => code === 'ENTRY_SIGNATURE_BAD';

/** Another entry may show that it is authentic, or that its log is forked there, whatever its links and its date. */
const MAY_BE_PROVEN: ReadonlySet<string> = new Set([
  'ENTRY_SIGNATURE_BAD',
  'LEDGER_PREV_MISMATCH',
  'LEDGER_PARENT_MISMATCH',
  'LEDGER_TIME_NOT_AFTER',
]);

/** The fault is here, not the peer's, and more of the same would not help. */
const CANNOT_WRITE: ReadonlySet<string> = new Set([
  'LEDGER_BUSY',
  'LEDGER_CLOSED',
  'LEDGER_DISK_FAILED',
  'LEDGER_JOURNAL_CHANGED',
]);
