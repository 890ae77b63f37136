import { asFault, fault } from '../../base/errors.ts';
import { LEDGER_FOLLOW_ENTRIES_MAX, SYNC_GOSSIP_BURST_MAX } from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import { parseEntry } from '../../entry/check.ts';
import type { RawEntry } from '../../entry/entry.ts';
import type { Network, PeerKey, Verdict } from '../../network/network.ts';
import type { Acceptance, Cursor, Ledger } from '../ledger.ts';
import { decodeGossip, encodeEntries, ledgerTopic } from './messages.ts';

/** What gossip of entries needs: ledger and network, and what the node knows of grants. */
export interface GossipPorts {
  readonly ledger: Ledger;
  readonly network: Network;
  readonly log: Logger;
  /** Whether what an entry cites is for its author; undefined where that is not known here. Unchecked bytes. */
  readonly isGranted: (entry: RawEntry) => boolean | undefined;
  /** The peer handed on an entry that builds on others which are missing here. */
  readonly onGap: (peer: PeerKey) => void;
}

const IGNORED: Acceptance = { verdict: 'ignore' };

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
    const { ledger, isGranted, onGap } = this.#ports;
    let entry: RawEntry;
    try {
      entry = decodeGossip(data);
    } catch (caught) {
      return this.#reject(from, caught);
    }
    const granted = isGranted(entry);
    if (granted === false)
      return this.#reject(from, fault('LEDGER_ENTRY_UNGRANTED', 'it handed on an entry of a key without a grant'));
    // Nobody publishes one: who holds it so answers with what erased it, and who only says so must not be faster than
    // its body.
    if (entry.body.byteLength === 0) return 'ignore';
    const [acceptance] = await ledger.offer([entry], from);
    const { verdict, code, text, restsOn } = acceptance ?? IGNORED;
    if (code === 'LEDGER_ENTRY_WAITS') onGap(from);
    // An older program does not know what a newer one writes, and hands nothing on that it does not know.
    if (verdict === 'reject' && code !== 'ENTRY_VERSION_UNKNOWN')
      return this.#reject(from, fault(code ?? '', `it handed on an entry that does not hold: ${text ?? ''}`));
    if (restsOn === 'fork' && parseEntry(entry).header.author === from)
      return this.#reject(from, fault('LEDGER_AUTHOR_VOID', 'it signed two entries with one number'));
    // The next node must come to the same verdict; what rests on more than the entry itself goes by the exchange.
    return verdict === 'accept' && restsOn === undefined && granted === true ? 'accept' : 'ignore';
  }

  #reject(from: PeerKey, caught: unknown): Verdict {
    this.#ports.network.blame(from, caught);
    return 'reject';
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
