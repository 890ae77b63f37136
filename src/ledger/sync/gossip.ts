import { asFault } from '../../base/errors.ts';
import { LEDGER_FOLLOW_ENTRIES_MAX, SYNC_GOSSIP_BURST_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import type { RawEntry } from '../../entry/entry.ts';
import type { Network, PeerKey, Verdict } from '../../network/network.ts';
import type { Cursor, Ledger } from '../ledger.ts';
import { decodeGossip, encodeEntries, ledgerTopic } from './messages.ts';

export interface GossipPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly log: Logger;
  /** The peer handed on an entry that builds on others which are missing here. */
  onGap(peer: PeerKey): void;
}

/** SPEC §5: own entries out, everybody's in. A shortcut: whatever it loses the exchange brings. */
export class LedgerGossip {
  readonly #ports: GossipPorts;
  #topic: string | undefined;
  /** Entries before this cursor were looked at. */
  #cursor: Cursor;
  #publishing = false;

  constructor(ports: GossipPorts) {
    this.#ports = ports;
    this.#cursor = ports.ledger.size;
    this.#subscribe();
  }

  /** To be called after each change of the ledger. */
  onLedgerChanged(): void {
    this.#subscribe();
    void this.#publishOwn();
  }

  #subscribe(): void {
    const { ledger, network } = this.#ports;
    if (this.#topic !== undefined || ledger.network === undefined) return;
    this.#topic = ledgerTopic(ledger.network);
    network.subscribe(this.#topic, (data, from) => this.#receive(data, from));
  }

  async #receive(data: Uint8Array, from: PeerKey): Promise<Verdict> {
    let entry: RawEntry;
    try {
      entry = decodeGossip(data);
    } catch {
      return 'reject';
    }
    const [acceptance] = await this.#ports.ledger.offer([entry], from);
    if (acceptance?.code === 'LEDGER_ENTRY_WAITS') this.#ports.onGap(from);
    return acceptance?.verdict ?? 'ignore';
  }

  async #publishOwn(): Promise<void> {
    if (this.#publishing || this.#topic === undefined) return;
    this.#publishing = true;
    try {
      while (this.#cursor < this.#ports.ledger.size) await this.#publishNext(this.#topic);
    } catch (caught) {
      this.#ports.log.debug(`own entries are left to the exchange: ${asFault(caught).message}`);
      this.#cursor = this.#ports.ledger.size;
    } finally {
      this.#publishing = false;
    }
  }

  async #publishNext(topic: string): Promise<void> {
    const { ledger, network } = this.#ports;
    const held = await ledger.follow(this.#cursor, LEDGER_FOLLOW_ENTRIES_MAX);
    const last = held.at(-1);
    // Nothing up to the end: what is there is damaged, and set aside by the ledger.
    this.#cursor = last === undefined ? ledger.size : last.cursor + 1;
    const own = held.filter(({ entry }) => entry.header.author === ledger.author);
    // Many at once travel faster by the exchange; and before it may append, the own log is what peers give back.
    if (own.length === 0 || own.length > SYNC_GOSSIP_BURST_MAX || !ledger.status().mayAppend) return;
    for (const { entry } of own) if (entry.bodiless !== true) await network.publish(topic, encodeEntries([entry.raw]));
  }
}
