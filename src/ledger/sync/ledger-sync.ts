import type { Clock } from '../../base/clock.ts';
import { asFault, hasCode } from '../../base/errors.ts';
import {
  SYNC_HAVE_INTERVAL_MS,
  SYNC_INTERVAL_MS,
  SYNC_MESSAGE_UNIT_BYTES,
  SYNC_MESSAGES_BURST_MAX,
  SYNC_MESSAGES_PER_SECOND_MAX,
} from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { Pace } from '../../base/pace.ts';
import type { Random } from '../../base/random.ts';
import { parseEntry } from '../../entry/check.ts';
import type { EntryHeader, RawEntry } from '../../entry/entry.ts';
import type { Address, Channel, Network, PeerKey } from '../../network/network.ts';
import type { Ledger } from '../ledger.ts';
import { type ArchivedPorts, NOTHING_ARCHIVED } from './archived-ports.ts';
import { ForeignPeers } from './foreign-peers.ts';
import { LedgerGossip } from './gossip.ts';
import { type AskMessage, type HaveMessage, LEDGER_SYNC_BEFORE_ID, LEDGER_SYNC_ID } from './messages.ts';
import { News } from './news.ts';
import { OwnLog } from './own-log.ts';
import { Patience } from './patience.ts';
import { PeerLink } from './peer-link.ts';
import { PeerRecords } from './peer-records.ts';
import { answer, isOtherNetwork, type Pulled } from './protocol.ts';
import { holdsAll, type LogEntry } from './same-log.ts';
import { Serving } from './serving.ts';
import { type Holdings, holdingsOf, isNothing, lacking, NOTHING, withNews } from './state.ts';
import type { LedgerSync, PeerSync } from './sync.ts';
import { Turns } from './turns.ts';

/** The ledger to keep the same as the peers', the network to them, and what the node knows of grants and snapshots. */
export interface LedgerSyncOptions {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Whether what an entry cites is for its author; undefined where that is not known here. Default: it is. */
  readonly isGranted?: (header: EntryHeader) => boolean | undefined;
  /** What is known of snapshots and of who dropped what. Default: nothing is dropped here, nor taken without its body. */
  readonly archived?: ArchivedPorts;
  /** Whether a peer has said that it does not let this node in. Default: none has. */
  readonly isRefusedBy?: (peer: PeerKey) => boolean;
  /** Told the address of a node that this one dials and that belongs to another network. */
  readonly onForeignSeed?: (address: Address) => void;
}

/** Begins to keep the ledger the same as the peers'. Closing it leaves ledger and network open. */
export const createLedgerSync = (options: LedgerSyncOptions): LedgerSync => new Synchronizer(options);

/** The peer that was found to belong to another network is given so long to find out for itself. */
const FAREWELL_MS = 1_000;
/** News kept of one peer while it is being asked; it takes a round trip, and they come at most ten times a second. */
const SYNC_NEWS_KEPT_MAX = 16;

/** What no honest peer does (SPEC §7). */
const VIOLATIONS: ReadonlySet<string> = new Set([
  'LEDGER_SYNC_FLOOD',
  'LEDGER_SYNC_MALFORMED',
  'LEDGER_SYNC_REJECTED',
  'LEDGER_SYNC_UNEXPECTED',
  'LEDGER_SYNC_UNPROVEN',
]);

class Synchronizer implements LedgerSync {
  readonly #options: LedgerSyncOptions;
  readonly #log: Logger;
  readonly #records = new PeerRecords();
  readonly #foreign: ForeignPeers;
  readonly #links = new Map<PeerKey, PeerLink>();
  /** The one channel on which each peer asks us. */
  readonly #served = new Map<PeerKey, Channel>();
  /** How much each peer asks and tells. */
  readonly #paces = new Map<PeerKey, Pace>();
  readonly #turns: Turns;
  readonly #serving: Serving;
  readonly #patience: Patience;
  readonly #ownLog: OwnLog;
  readonly #gossip: LedgerGossip;
  readonly #news: News;
  readonly #stops: (() => void)[] = [];
  #mine: Holdings = NOTHING;
  #cancelInterval: (() => void) | undefined;
  #closed = false;

  constructor(options: LedgerSyncOptions) {
    this.#options = options;
    this.#log = options.log.child('sync');
    const { ledger, network, clock } = options;
    this.#foreign = new ForeignPeers({ ...options, log: this.#log });
    this.#turns = new Turns(clock);
    this.#patience = new Patience(clock);
    this.#serving = new Serving(clock, () => ledger.size);
    this.#ownLog = new OwnLog({ ledger, network, clock, log: this.#log, isRefusedBy: options.isRefusedBy });
    this.#gossip = new LedgerGossip({
      ledger,
      network,
      log: this.#log,
      isGranted: (entry) => grantOf(entry, options.isGranted),
      onGap: (peer) => this.#links.get(peer)?.pullSoon(),
    });
    this.#news = new News(
      clock,
      () => this.#holdings(),
      (news) => this.#tell(news),
    );
    this.#listen();
    network.handle(LEDGER_SYNC_ID, (channel) => this.#serve(channel, true));
    network.handle(LEDGER_SYNC_BEFORE_ID, (channel) => this.#serve(channel, false));
    for (const { key } of network.peers()) this.#onPeerUp(key);
    this.#scheduleInterval();
  }

  holders(author: string, seq: number): ReadonlySet<PeerKey> {
    const mine = this.#holdings();
    const holders = new Set<PeerKey>();
    if ((mine.heads.get(author)?.seq ?? 0) >= seq) holders.add(this.#options.network.self);
    for (const [peer, { holdings }] of this.#records.entries())
      if (holdings.network === mine.network && (holdings.heads.get(author)?.seq ?? 0) >= seq) holders.add(peer);
    return holders;
  }

  async holding(entries: readonly LogEntry[]): Promise<ReadonlySet<PeerKey>> {
    const [{ ledger }, mine] = [this.#options, () => this.#holdings()];
    const holding = new Set<PeerKey>();
    for (const [peer, { holdings }] of [...this.#records.entries()])
      if (holdings.network === mine().network && (await holdsAll(entries, holdings, mine, ledger))) holding.add(peer);
    return holding;
  }

  peers(): readonly PeerSync[] {
    const mine = this.#holdings();
    return [...this.#records.entries()].map(([peer, { holdings, lastExchangeMs, lastError, foreign }]) => {
      const comparable = !isOtherNetwork(mine.network, holdings.network);
      return {
        peer,
        connected: this.#links.has(peer),
        version: holdings.version,
        behind: comparable ? lacking(mine, holdings).entries : 0,
        ahead: comparable && holdings.isWhole === true ? lacking(holdings, mine).entries : 0,
        lastExchangeMs,
        lastError,
        foreign,
      };
    });
  }

  async syncNow(): Promise<void> {
    await Promise.all([...this.#links.values()].map((link) => link.pullNow()));
  }

  ownLogKnown(signal?: AbortSignal): Promise<void> {
    return this.#ownLog.known(signal);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#news.close();
    this.#cancelInterval?.();
    this.#ownLog.close();
    this.#serving.close();
    for (const stop of this.#stops) stop();
    for (const link of this.#links.values()) link.close();
    for (const channel of this.#served.values()) channel.abort('the node stops');
    this.#links.clear();
    this.#served.clear();
  }

  #listen(): void {
    const { ledger, network } = this.#options;
    const onUp = ({ key }: { readonly key: PeerKey }): void => this.#onPeerUp(key);
    const onDown = (key: PeerKey): void => this.#onPeerDown(key);
    const onAppended = (): void => this.#onLedgerChanged(SYNC_HAVE_INTERVAL_MS);
    const onEquivocation = (): void => {
      // The version may have been known before the proof.
      this.#mine = NOTHING;
      this.#onLedgerChanged(0);
    };
    network.notices.on('peer:up', onUp).on('peer:down', onDown);
    ledger.notices.on('ledger:appended', onAppended).on('ledger:equivocation', onEquivocation);
    this.#stops.push(() => {
      network.notices.off('peer:up', onUp).off('peer:down', onDown);
      ledger.notices.off('ledger:appended', onAppended).off('ledger:equivocation', onEquivocation);
    });
  }

  /** What this node holds; made anew only when the ledger changed. */
  #holdings(): Holdings {
    const { ledger } = this.#options;
    if (this.#mine.version !== ledger.version || this.#mine.network !== ledger.network) this.#mine = holdingsOf(ledger);
    return this.#mine;
  }

  #onPeerUp(peer: PeerKey): void {
    if (this.#closed || this.#links.has(peer)) return;
    const { ledger, network, clock } = this.#options;
    const link = new PeerLink(peer, {
      ledger,
      network,
      clock,
      holdings: () => this.#holdings(),
      turn: () => this.#turns.take(),
      takesBare: (key, theirs) => this.#takesBare(key, theirs),
      prove: (proof) => this.#archived.prove(ledger.network ?? '', proof),
      onAsking: (key) => {
        this.#records.of(key).news = [];
      },
      onTold: (key, theirs) => {
        const record = this.#records.of(key);
        record.holdings = record.news.reduce(withNews, { ...theirs, isWhole: true });
      },
      onGave: (key, entries) => this.#patience.gave(key, entries),
      onPulled: (key, pulled) => this.#onPulled(key, pulled),
      onFailed: (key, caught) => this.#onFailed(key, caught),
      failures: (key) => this.#records.of(key).failures,
    });
    this.#links.set(peer, link);
    this.#records.of(peer).failures = 0;
    link.pullSoon();
  }

  #onPeerDown(peer: PeerKey): void {
    this.#links.get(peer)?.close();
    this.#links.delete(peer);
    this.#served.delete(peer);
    this.#paces.delete(peer);
    this.#patience.failed(peer);
    this.#records.away(peer, this.#holdings(), (key) => this.#links.has(key));
    this.#ownLog.look();
  }

  get #archived(): ArchivedPorts {
    return this.#options.archived ?? NOTHING_ARCHIVED;
  }

  /** Not while somebody else in reach has all that the peer has, with its bodies, or may turn out to. */
  async #takesBare(peer: PeerKey, theirs: Holdings): Promise<boolean> {
    const keepers = await this.#archived.keepers();
    if (keepers === undefined) return false;
    const others = [...keepers].filter((key) => {
      const { holdings } = this.#records.of(key);
      const mayHave = holdings.isWhole !== true || isNothing(lacking(holdings, theirs));
      return key !== peer && this.#links.has(key) && mayHave;
    });
    return !this.#patience.waitsFor(others, peer, lacking(this.#holdings(), theirs).entries);
  }

  async #serve(channel: Channel, knowsArchived: boolean): Promise<void> {
    if (this.#closed) {
      channel.abort('the node stops');
      return;
    }
    const { peer } = channel;
    this.#served.get(peer)?.abort('the peer asks on another channel');
    this.#served.set(peer, channel);
    try {
      await answer(channel, {
        ledger: this.#options.ledger,
        holdings: () => this.#holdings(),
        archived: () => knowsArchived && this.#archived.here(),
        cover: () => this.#archived.cover(),
        onAsk: (key, message) => this.#onAsk(key, message),
        onHave: (key, message) => this.#onHave(key, message),
        rest: (key, entries) => this.#serving.rest(key, entries),
        mayAsk: (key, bytes) => this.#paceOf(key).take(1 + bytes / SYNC_MESSAGE_UNIT_BYTES),
      });
    } catch (caught) {
      if (asFault(caught).code.startsWith('LEDGER_')) this.#records.of(peer).lastError = asFault(caught).message;
      if (VIOLATIONS.has(asFault(caught).code)) channel.blame(caught);
      throw caught;
    } finally {
      if (this.#served.get(peer) === channel) this.#served.delete(peer);
      // Its last news may have been lost with the channel.
      this.#links.get(peer)?.pullSoon();
    }
  }

  #paceOf(peer: PeerKey): Pace {
    let pace = this.#paces.get(peer);
    if (pace === undefined) {
      pace = new Pace(this.#options.clock, { burst: SYNC_MESSAGES_BURST_MAX, perSecond: SYNC_MESSAGES_PER_SECOND_MAX });
      this.#paces.set(peer, pace);
    }
    return pace;
  }

  #onAsk(peer: PeerKey, { net, version }: AskMessage): void {
    const record = this.#records.of(peer);
    const mine = this.#holdings();
    if (net !== null && isOtherNetwork(mine.network, net)) {
      const { network, clock } = this.#options;
      record.holdings = { ...NOTHING, network: net, version };
      this.#foreign.met(peer, record, net);
      record.lastError = `LEDGER_OTHER_NETWORK: the peer belongs to network ${net}; this node to ${mine.network}`;
      clock.after(FAREWELL_MS, () => {
        if (!this.#closed) void network.disconnect(peer);
      });
      return;
    }
    if (net !== null && version === mine.version) record.holdings = mine;
    else {
      record.holdings = { ...record.holdings, network: net ?? undefined, version };
      if (net !== null) this.#links.get(peer)?.pullSoon();
    }
  }

  #onHave(peer: PeerKey, news: HaveMessage): void {
    const record = this.#records.of(peer);
    const mine = this.#holdings();
    if (isOtherNetwork(mine.network, news.net)) return;
    record.holdings = news.version === mine.version ? mine : withNews(record.holdings, news);
    record.news = [...record.news, news].slice(-SYNC_NEWS_KEPT_MAX);
    const silent = news.heads.length === 0 && news.forks.length === 0;
    if (!isNothing(lacking(mine, record.holdings)) || (silent && news.version !== mine.version))
      this.#links.get(peer)?.pullSoon();
  }

  #onPulled(peer: PeerKey, { wanted, accepted, rejected }: Pulled): void {
    const record = this.#records.of(peer);
    record.lastExchangeMs = this.#options.clock.wallMs();
    record.failures = wanted && accepted === 0 ? record.failures + 1 : 0;
    if (wanted && accepted === 0) this.#patience.failed(peer);
    record.foreign = undefined;
    record.lastError = rejected === undefined ? undefined : `${rejected.code}: ${rejected.text}`;
    const { ledger } = this.#options;
    this.#ownLog.exchanged(peer, record.holdings.heads.get(ledger.author)?.seq ?? 0);
    if (ledger.status().damaged.length > 0 && this.#nobodyHoldsMore()) ledger.nothingLacks();
  }

  /** Every peer that this node knows was asked, and none holds what is lacking here. One that is away may. */
  #nobodyHoldsMore(): boolean {
    const { network } = this.#options;
    const peers = network.peers().map(({ key }) => this.#records.of(key));
    return (
      peers.length > 0 &&
      peers.every(({ lastExchangeMs, holdings }) => lastExchangeMs !== undefined && this.#holdsAllOf(holdings)) &&
      network.dialStates().every(({ connected, own }) => connected || own)
    );
  }

  #holdsAllOf(theirs: Holdings): boolean {
    const mine = this.#holdings();
    const isComparable = mine.network !== undefined && mine.network === theirs.network;
    return isComparable && this.#options.ledger.wanted().length === 0 && isNothing(lacking(mine, theirs));
  }

  #onFailed(peer: PeerKey, caught: unknown): void {
    const record = this.#records.of(peer);
    const { code, message } = asFault(caught);
    if (code === 'LEDGER_SYNC_TURN_OVER') return;
    record.failures += 1;
    this.#patience.failed(peer);
    record.lastError = `${code}: ${message}`;
    this.#log.debug(`no exchange with ${peer}: ${message}`, { code });
    if (VIOLATIONS.has(code)) this.#options.network.blame(peer, caught);
    if (hasCode(caught, 'LEDGER_OTHER_NETWORK')) {
      this.#foreign.met(peer, record, String(asFault(caught).data['theirs']));
      void this.#options.network.disconnect(peer);
    }
    this.#ownLog.exchanged(peer, undefined);
  }

  #onLedgerChanged(newsInMs: number): void {
    if (this.#closed) return;
    this.#gossip.onLedgerChanged();
    this.#ownLog.look();
    this.#news.tellIn(newsInMs);
  }

  #tell(news: HaveMessage): void {
    for (const [peer, link] of this.#links)
      if (!isOtherNetwork(news.net ?? undefined, this.#records.of(peer).holdings.network)) void link.tell(news);
  }

  #scheduleInterval(): void {
    const { clock, random } = this.#options;
    this.#cancelInterval = clock.after(SYNC_INTERVAL_MS * (0.5 + random.fraction()), () => {
      const links = [...this.#links.values()];
      links[Math.floor(random.fraction() * links.length)]?.pullSoon();
      this.#scheduleInterval();
    });
  }
}

/** An entry that is none gets its verdict from the ledger. */
const grantOf = (entry: RawEntry, isGranted: LedgerSyncOptions['isGranted']): boolean | undefined => {
  if (isGranted === undefined) return true;
  try {
    return isGranted(parseEntry(entry).header);
  } catch {
    return undefined;
  }
};
