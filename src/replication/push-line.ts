import type { Clock } from '../base/clock.ts';
import { fault } from '../base/errors.ts';
import { PUSH_FILES_IN_FLIGHT, PUSH_STORED_BYTES_PER_S_MIN } from '../base/limits.ts';
import type { Network } from '../network/network.ts';
import type { FileCopy, FileRanges } from '../operator/file-record.ts';
import type { Outgoing } from './transfer/outgoing.ts';
import type { TooLarge } from './transfer/too-large.ts';
import { rangesOf } from './transfer/holdings.ts';
import type { TransferMessage } from './transfer/messages.ts';
import { openTransfer, type TransferChannel } from './transfer/protocol.ts';
import { PushWindow, type PushTurn } from './transfer/push-window.ts';
import { Bell } from './transfer/serve.ts';

/** The peer that files go to, and where they are read from. */
export interface PushLinePorts {
  readonly network: Network;
  readonly clock: Clock;
  readonly self: string;
  /** Key of the peer's node. */
  readonly peer: string;
  /** Reads own files, as many from the first on as the turn allows. */
  readonly read: (turn: PushTurn) => Promise<readonly FileCopy[]>;
  readonly tooLarge: TooLarge;
  readonly outgoing: Outgoing;
  /** How long the peer may be silent while files are on the way to it, beside the time that their size allows. */
  readonly idleMs: number;
}

/** Whom a line tells of what becomes of the files on it. */
export interface PushLineListener {
  /** The peer holds these. */
  delivered(files: FileRanges): void;
  /** The peer refused some. */
  refused(text: string): void;
  /** The line is no more; what was not acknowledged is left for the peer to pull. */
  broken(caught: unknown): void;
}

interface Flight {
  readonly files: readonly number[];
}

/** One channel on which new files go to a peer, as many at a time as its window allows. */
export class PushLine {
  readonly #ports: PushLinePorts;
  readonly #listener: PushLineListener;
  readonly #window = new PushWindow();
  readonly #flights = new Map<number, Flight>();
  readonly #bell = new Bell();
  #channel: TransferChannel | undefined;
  #closed: { readonly reason: unknown } | undefined;
  #nextId = 1;

  constructor(ports: PushLinePorts, listener: PushLineListener) {
    this.#ports = ports;
    this.#listener = listener;
    void this.#run();
  }

  /** New own files. */
  offer(files: FileRanges): void {
    this.#window.offer(files);
    this.#bell.ring();
  }

  /** Sent and not acknowledged. */
  get inFlight(): FileRanges {
    return rangesOf([...this.#flights.values()].flatMap(({ files }) => files));
  }

  /** The peer holds these, or asks for them itself. */
  drop(files: FileRanges): void {
    this.#window.drop(files);
  }

  close(reason: unknown): void {
    this.#closed ??= { reason };
    this.#channel?.abort(reason);
    this.#bell.ring();
  }

  /** The peer answers when what it was sent is stored. */
  get #patienceMs(): number {
    return this.#ports.idleMs + (this.#window.bytesInFlight / PUSH_STORED_BYTES_PER_S_MIN) * 1_000;
  }

  async #run(): Promise<void> {
    try {
      const { network, clock, peer, self } = this.#ports;
      this.#channel = await openTransfer(network, clock, peer, 'push', self);
      if (this.#closed !== undefined) throw this.#closed.reason;
      await Promise.all([this.#send(this.#channel), this.#listen(this.#channel)]);
    } catch (caught) {
      this.#closed ??= { reason: caught };
      this.#channel?.abort(caught);
      this.#bell.ring();
      this.#listener.broken(caught);
    }
  }

  async #send(channel: TransferChannel): Promise<void> {
    while (this.#closed === undefined) {
      for (let turn = this.#window.next(); turn !== undefined; turn = this.#window.next())
        await this.#sendTurn(channel, turn);
      await this.#bell.next();
    }
  }

  async #sendTurn(channel: TransferChannel, turn: PushTurn): Promise<void> {
    const { self, read, outgoing, tooLarge } = this.#ports;
    const [[first] = [0]] = turn.ranges;
    const key = `${self}/${first}`;
    const isGone = (): boolean => this.#closed !== undefined;
    const { copies: found, leave, passedOverMs } = await outgoing.read({ key, read: () => read(turn), isGone });
    // There is no room for it: the peer pulls it, and those behind it go.
    if (passedOverMs !== undefined) {
      this.#window.drop([[first, first]]);
      return;
    }
    try {
      // What is not there any more is not pushed; the peer learns of it when it asks.
      if (found.length === 0) this.#window.drop(turn.ranges);
      // What it has asked for meanwhile comes as an answer.
      const copies = found.filter(({ record }) => this.#window.waits(record.file));
      const packing = tooLarge.pack(copies, PUSH_FILES_IN_FLIGHT);
      this.#window.drop(rangesOf(packing.tooLarge.map(({ record }) => record.file)));
      for (const bundle of packing.bundles) {
        const id = this.#nextId++;
        const files = bundle.copies.map(({ record }) => record.file);
        this.#flights.set(id, { files });
        this.#window.sent(id, rangesOf(files), bundle.total);
        channel.expect(this.#patienceMs);
        await channel.sendBundle(id, bundle);
      }
    } finally {
      leave();
    }
  }

  async #listen(channel: TransferChannel): Promise<void> {
    for (let frame = await channel.read(); frame !== undefined; frame = await channel.read()) {
      if (frame.message.type !== 'stored') throw fault('TRANSFER_MALFORMED', `${frame.message.type} as an answer`);
      this.#acknowledged(frame.message);
      channel.expect(this.#flights.size > 0 ? this.#patienceMs : undefined);
      this.#bell.ring();
    }
    throw fault('NETWORK_CHANNEL_CLOSED', 'the peer ended the channel');
  }

  #acknowledged({ id, outcomes, text }: Extract<TransferMessage, { type: 'stored' }>): void {
    const flight = this.#flights.get(id);
    if (flight === undefined || !this.#window.acknowledged(id, outcomes.length))
      throw fault('TRANSFER_MALFORMED', `acknowledgement of ${outcomes.length} files for bundle ${id}`);
    this.#flights.delete(id);
    const held = flight.files.filter((_, index) => !['orphan', 'refused'].includes(outcomes[index] ?? 'refused'));
    this.#listener.delivered(rangesOf(held));
    if (outcomes.includes('refused')) this.#listener.refused(text ?? 'the peer refused a file');
  }
}
