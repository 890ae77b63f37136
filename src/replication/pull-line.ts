import type { Clock } from '../base/clock.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import type { Network } from '../network/network.ts';
import type { FileRanges, FileRecord } from '../operator/file-record.ts';
import type { ByteBudget } from '../operator/contents.ts';
import { countRanges, idsOf, inRanges, subtractRanges, uniteRanges } from '../operator/ranges.ts';
import type { Intake } from './intake.ts';
import { intersectRanges, NO_FILES, rangesAbove, rangesOf } from './transfer/holdings.ts';
import type { ReceivedBundle } from './transfer/bundle.ts';
import type { FilesByOrigin, TransferFrame, TransferMessage, WantWindow } from './transfer/messages.ts';
import { openTransfer, type TransferChannel } from './transfer/protocol.ts';
import type { PullAnswer, PullRequest } from './transfer/state.ts';

/** The peer that is asked, and what takes the files that it sends. */
export interface PullLinePorts {
  readonly network: Network;
  readonly clock: Clock;
  readonly self: string;
  readonly intake: Intake;
  readonly room: ByteBudget;
  readonly accepts: (origin: string) => boolean;
  /** Key of the peer's node. */
  readonly peer: string;
  /** How long the peer may be silent while it owes an answer. */
  readonly idleMs: number;
}

/** Whom a line tells of what comes over it. */
export interface PullLineListener {
  /** Files were made durable. */
  took(files: number): void;
  /** A file was broken, may not come in, or cannot be read by the peer. */
  refused(error: HoldfastError): void;
  answered(id: number, answer: PullAnswer): void;
  /** The line is no more; these requests have no answer. */
  broken(ids: readonly number[], caught: unknown): void;
}

/** One channel on which a peer is asked for files: requests go out as they come, answers come in the same order. */
export class PullLine {
  readonly #ports: PullLinePorts;
  readonly #listener: PullLineListener;
  readonly #outstanding: AnswerReader[] = [];
  #channel: TransferChannel | undefined;
  #closed: { readonly reason: unknown } | undefined;
  readonly #opening: Promise<void>;
  #storing = new Storing(Promise.resolve());

  constructor(ports: PullLinePorts, listener: PullLineListener) {
    this.#ports = ports;
    this.#listener = listener;
    this.#opening = this.#open();
    void this.#run();
  }

  /** Sends a request. Whatever becomes of it, the listener is told. */
  ask(request: PullRequest, window: WantWindow | undefined): void {
    this.#outstanding.push(new AnswerReader(request));
    const files = request.files.map(
      ([origin, ranges]) => [origin, ranges.map(([from, to]) => [from, to])] as [string, [number, number][]],
    );
    const want: TransferMessage = { type: 'want', id: request.id, files, ...(window === undefined ? {} : { window }) };
    this.#opening
      .then(async () => {
        this.#channel?.expect(this.#ports.idleMs);
        await this.#channel?.send(want);
      })
      .catch((caught: unknown) => this.close(caught));
  }

  close(reason: unknown): void {
    this.#closed ??= { reason };
    this.#channel?.abort(reason);
  }

  async #open(): Promise<void> {
    const { network, clock, peer, self } = this.#ports;
    this.#channel = await openTransfer(network, clock, peer, 'pull', self);
    if (this.#closed !== undefined) this.#channel.abort(this.#closed.reason);
  }

  async #run(): Promise<void> {
    let caught: unknown;
    try {
      await this.#opening;
      if (this.#channel !== undefined) await this.#listen(this.#channel);
    } catch (thrown) {
      caught = thrown;
    }
    this.#channel?.abort(caught ?? 'the answer is incomplete');
    await this.#storing.settled;
    const reason = this.#closed?.reason;
    this.#listener.broken(
      this.#outstanding.map(({ id }) => id),
      reason instanceof Error ? reason : caught,
    );
  }

  async #listen(channel: TransferChannel): Promise<void> {
    for (let frame = await channel.read(); frame !== undefined; frame = await channel.read()) {
      const { message } = frame;
      const reader = this.#outstanding[0];
      if (reader === undefined) throw fault('TRANSFER_MALFORMED', `${message.type} that nobody asked for`);
      if (message.type === 'gone' && message.text !== undefined)
        this.#listener.refused(fault('TRANSFER_FILE_GONE', `the peer cannot read a file: ${message.text}`));
      if (message.type === 'files') await this.#takeBundle(reader, channel, frame);
      else if (reader.push(message)) {
        await this.#storing.done;
        this.#outstanding.shift();
        reader.seen((file) => this.#ports.intake.holds(file));
        if (this.#outstanding.length === 0) channel.expect(undefined);
        this.#listener.answered(reader.id, reader.answer());
      }
    }
  }

  /** One bundle is stored while the next arrives, and no more: the peer waits with us. */
  async #takeBundle(reader: AnswerReader, channel: TransferChannel, first: TransferFrame): Promise<void> {
    const { bundle, leave } = await channel.readBundle(first, this.#ports.room);
    try {
      reader.takes(bundle);
      await this.#storing.done;
    } catch (caught) {
      leave();
      throw caught;
    }
    this.#storing = new Storing(this.#store(reader, bundle).finally(leave));
  }

  async #store(reader: AnswerReader, bundle: ReceivedBundle): Promise<void> {
    const { intake, accepts, self } = this.#ports;
    const belongs = (origin: string): boolean => origin === self || accepts(origin);
    const outcomes = await intake.take(bundle.files, belongs, reader.takesOrphans);
    let taken = 0;
    for (const { record, outcome, fault: refusal } of outcomes) {
      if (outcome === 'refused') {
        reader.failed.push([record.origin, record.file]);
        // What was asked for and may not come in any more: its operator was moved meanwhile, which nobody failed at.
        if (refusal !== undefined && belongs(record.origin)) this.#listener.refused(refusal);
      } else if (outcome === 'orphan') reader.orphans.push([record.origin, record.file]);
      else if (intake.holds(record)) taken += 1;
      else {
        // Asked for at once, it would come again and again.
        reader.failed.push([record.origin, record.file]);
        const text = `file ${record.file} of ${record.origin} was stored and is not held; it is asked for again later`;
        this.#listener.refused(fault('TRANSFER_FILE_LOST', text));
      }
    }
    reader.stored += taken;
    this.#listener.took(taken);
  }
}

/** A store under way: its failure is kept for whoever asks, and is never an unhandled one. */
class Storing {
  readonly done: Promise<void>;
  readonly settled: Promise<void>;

  constructor(work: Promise<void>) {
    this.done = work;
    this.settled = work.catch(() => {});
  }
}

/** Follows one answer: everything in it must have been asked for, and each message must bring it forward. */
class AnswerReader {
  readonly id: number;
  readonly takesOrphans: boolean;
  readonly failed: (readonly [string, number])[] = [];
  readonly orphans: (readonly [string, number])[] = [];
  stored = 0;
  /** The last file that was brought: answers go forward. */
  #last: FileRecord | undefined;
  /** Asked for and not spoken of yet. */
  readonly #open: Map<string, FileRanges>;
  readonly #skipped = new Map<string, FileRanges>();
  readonly #gone = new Map<string, FileRanges>();

  constructor(request: PullRequest) {
    this.id = request.id;
    this.takesOrphans = request.takesOrphans;
    this.#open = new Map(request.files);
  }

  /** What was asked for, was not spoken of and is held came by another way meanwhile. */
  seen(holds: (file: { readonly origin: string; readonly file: number }) => boolean): void {
    for (const [origin, ranges] of this.#open) {
      const held = idsOf(ranges, countRanges(ranges)).filter((file) => holds({ origin, file }));
      this.stored += held.length;
      this.#open.set(origin, subtractRanges(ranges, rangesOf(held)));
    }
  }

  check(id: number): void {
    if (id !== this.id) throw fault('TRANSFER_MALFORMED', `answer ${id} where ${this.id} is due`);
  }

  /** Takes note of the files that a bundle brings. Throws where one was not asked for, or came before. */
  takes(bundle: ReceivedBundle): void {
    this.check(bundle.id);
    for (const { record } of bundle.files) {
      const open = this.#open.get(record.origin) ?? NO_FILES;
      if (!inRanges(open, record.file))
        throw fault('TRANSFER_MALFORMED', `file ${record.file} of ${record.origin} was not asked for`);
      this.#open.set(record.origin, subtractRanges(open, [[record.file, record.file]]));
      this.#last = record;
    }
  }

  /** Left out though others behind it came: there is no room for it at the peer now, or it is on its way as a push. */
  #passedOver(): (readonly [string, number])[] {
    const last = this.#last;
    if (last === undefined) return [];
    const origins = [...this.#open.keys()];
    const before = origins.slice(0, origins.indexOf(last.origin) + 1);
    return before.flatMap((origin) => {
      const open = this.#open.get(origin) ?? NO_FILES;
      const ranges = origin === last.origin ? subtractRanges(open, rangesAbove(open, last.file)) : open;
      return idsOf(ranges, countRanges(ranges)).map((file) => [origin, file] as const);
    });
  }

  /** Takes the next message that is no bundle; true at the end of the answer. */
  push(message: TransferMessage): boolean {
    if (message.type === 'done') {
      this.check(message.id);
      return true;
    }
    if (message.type !== 'skipped' && message.type !== 'gone')
      throw fault('TRANSFER_MALFORMED', `${message.type} in an answer`);
    this.check(message.id);
    const into = message.type === 'skipped' ? this.#skipped : this.#gone;
    let news = 0;
    for (const [origin, ranges] of message.files) {
      const open = this.#open.get(origin) ?? NO_FILES;
      const named = intersectRanges(open, ranges);
      news += countRanges(named);
      this.#open.set(origin, subtractRanges(open, named));
      into.set(origin, uniteRanges(into.get(origin) ?? NO_FILES, named));
    }
    if (news === 0) throw fault('TRANSFER_MALFORMED', `${message.type} says nothing new`);
    return false;
  }

  answer(): PullAnswer {
    const listed = (files: ReadonlyMap<string, FileRanges>): FilesByOrigin =>
      [...files].filter(([, ranges]) => ranges.length > 0);
    return {
      stored: this.stored,
      skipped: listed(this.#skipped),
      gone: listed(this.#gone),
      failed: [...this.failed, ...this.#passedOver()],
      orphans: this.orphans,
      unspoken: listed(this.#open),
    };
  }
}
