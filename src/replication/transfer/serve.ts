import type { Clock } from '../../base/clock.ts';
import { asFault, fault } from '../../base/errors.ts';
import {
  HOLDINGS_GATHER_MS,
  PULL_ANSWER_BYTES,
  PULL_FILES_MAX,
  PULLS_PER_PEER_MAX,
  TRANSFER_BATCH_BYTES,
  TRANSFER_BUNDLE_FILES_MAX,
  TRANSFER_READ_TURN_MS,
} from '../../base/limits.ts';
import type { FileCopy, FileRanges, FileRecord, Holdings } from '../../operator/file-record.ts';
import type { FileStore } from '../../operator/file-store.ts';
import { subtractRanges, uniteRanges } from '../../operator/ranges.ts';
import { firstOfRanges, inMessages, intersectRanges, lackingOf, NO_FILES, rangesAbove, rangesOf } from './holdings.ts';
import type { FilesByOrigin, TransferMessage, WantWindow } from './messages.ts';
import { NOTHING_READ, type Outgoing, type Reading } from './outgoing.ts';
import type { TransferChannel } from './protocol.ts';
import type { TooLarge } from './too-large.ts';

/** Records looked through at a time for those in the window. */
const RECORDS_PAGE = 512;

/** What serving asks of a channel. */
export type ServedChannel = Pick<TransferChannel, 'read' | 'send' | 'sendBundle'>;

/** Something that many tasks wake and one waits for. */
export class Bell {
  #rung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, or at once where one came since the last time. */
  async next(): Promise<void> {
    if (!this.#rung) await new Promise<void>((wake) => (this.#wake = wake));
    this.#rung = false;
    this.#wake = undefined;
  }
}

const sendHoldings = async (channel: ServedChannel, files: FilesByOrigin, full: boolean): Promise<void> => {
  const messages = inMessages(files);
  for (const [index, origins] of messages.entries()) {
    const more = index < messages.length - 1;
    await channel.send({ type: 'holdings', full: full && index === 0, more, origins: mutable(origins) });
  }
};

/** The message types are zod's, with mutable lists. */
const mutable = (files: FilesByOrigin): [string, [number, number][]][] =>
  files.map(([origin, ranges]) => [origin, ranges.map(([from, to]) => [from, to])]);

/**
 * Serves a watcher until it leaves: all holdings at once and when it asks for a comparison, then what is added,
 * gathered for `HOLDINGS_GATHER_MS`. `changes` calls its task after each change and returns how to stop that; after a
 * loss, which no addition can tell, all holdings are said again.
 */
export const serveWatch = async (
  channel: ServedChannel,
  store: FileStore,
  clock: Clock,
  changes: (task: (lost: boolean) => void) => () => void,
): Promise<void> => {
  const bell = new Bell();
  let sent: Holdings = new Map();
  let [compare, gone] = [true, false];
  let gathering: (() => void) | undefined;
  const stop = changes((lost) => {
    compare ||= lost;
    gathering ??= clock.after(HOLDINGS_GATHER_MS, () => {
      gathering = undefined;
      bell.ring();
    });
  });
  const listen = async (): Promise<void> => {
    try {
      for (let frame = await channel.read(); frame !== undefined; frame = await channel.read()) {
        if (frame.message.type !== 'compare') throw fault('TRANSFER_MALFORMED', `${frame.message.type} from a watcher`);
        compare = true;
        bell.ring();
      }
    } finally {
      gone = true;
      bell.ring();
    }
  };
  const tell = async (): Promise<void> => {
    bell.ring();
    for (;;) {
      await bell.next();
      if (gone) return;
      const own = new Map(store.holdings());
      const files = lackingOf(own, compare ? new Map() : sent);
      const full = compare;
      if (!full && files.length === 0) continue;
      [compare, sent] = [false, own];
      await sendHoldings(channel, files, full);
    }
  };
  try {
    await Promise.all([listen(), tell()]);
  } finally {
    stop();
    gathering?.();
    gone = true;
    bell.ring();
  }
};

type Want = Extract<TransferMessage, { type: 'want' }>;

/** What the one who serves knows and is told of one who pulls. */
export interface PullPorts {
  readonly peer: string;
  readonly wants: (files: FilesByOrigin) => void;
  /** So many files were sent. */
  readonly sent: (files: number) => void;
  /** Own files that reach it as a push just now: they are left out of an answer, so that they do not come twice. */
  readonly underWay: () => FileRanges;
  readonly tooLarge: TooLarge;
  readonly outgoing: Outgoing;
}

/** Serves one who pulls until it leaves: requests in turn, each answered to its end or to the bound of one answer. */
export const servePull = async (channel: ServedChannel, store: FileStore, ports: PullPorts): Promise<void> => {
  const wants: Want[] = [];
  const bell = new Bell();
  let [ended, gone] = [false, false];
  const listen = async (): Promise<void> => {
    try {
      for (let frame = await channel.read(); frame !== undefined; frame = await channel.read()) {
        if (frame.message.type !== 'want')
          throw fault('TRANSFER_MALFORMED', `${frame.message.type} from one who pulls`);
        if (wants.length >= PULLS_PER_PEER_MAX) throw fault('TRANSFER_MALFORMED', 'too many requests at a time');
        wants.push(frame.message);
        bell.ring();
      }
    } catch (caught) {
      gone = true;
      throw caught;
    } finally {
      ended = true;
      bell.ring();
    }
  };
  const answer = async (): Promise<void> => {
    for (;;) {
      for (let want = wants.shift(); want !== undefined; want = wants.shift()) {
        ports.wants(want.files);
        ports.sent(await new PullAnswerer(channel, store, want, ports, () => gone).run());
      }
      if (ended) return;
      await bell.next();
    }
  };
  await Promise.all([listen(), answer()]);
};

/** One answer: reads, packs and sends a batch while the next is read. */
class PullAnswerer {
  readonly #channel: ServedChannel;
  readonly #store: FileStore;
  readonly #want: Want;
  readonly #ports: PullPorts;
  readonly #isGone: () => boolean;
  #bytesLeft = PULL_ANSWER_BYTES;
  #filesLeft = PULL_FILES_MAX;
  #sent = 0;
  /** Large files for which there is no room now: nothing is said of them, so that they are asked for again. */
  readonly #passedOver = new Map<string, FileRanges>();
  #inVainMs = 0;
  /** Why the last file that could not be read could not. */
  #trouble: string | undefined;

  constructor(channel: ServedChannel, store: FileStore, want: Want, ports: PullPorts, isGone: () => boolean) {
    this.#channel = channel;
    this.#store = store;
    this.#want = want;
    this.#ports = ports;
    this.#isGone = isGone;
  }

  /** Returns the number of files that were sent. */
  async run(): Promise<number> {
    for (const [origin, ranges] of this.#want.files) {
      if (this.#isFull()) break;
      await this.#origin(origin, ranges);
    }
    await this.#channel.send({ type: 'done', id: this.#want.id });
    return this.#sent;
  }

  #isFull(): boolean {
    return this.#bytesLeft <= 0 || this.#filesLeft <= 0;
  }

  async #origin(origin: string, ranges: FileRanges): Promise<void> {
    const held = this.#store.holdings().get(origin) ?? NO_FILES;
    await this.#gone(origin, subtractRanges(ranges, held));
    const { underWay, tooLarge } = this.#ports;
    const known = intersectRanges(intersectRanges(ranges, held), tooLarge.resting(origin));
    await this.#tooLarge(origin, known, tooLarge.reason([[origin, known]]));
    const asked = subtractRanges(intersectRanges(ranges, held), known);
    let rest = origin === this.#store.origin ? subtractRanges(asked, underWay()) : asked;
    while (rest.length > 0 && !this.#isFull()) {
      const { window } = this.#want;
      const page = window === undefined ? { inside: rest, upTo: undefined } : await this.#page(origin, rest, window);
      await this.#send(origin, page.inside);
      rest = page.upTo === undefined ? NO_FILES : rangesAbove(rest, page.upTo);
    }
  }

  /** Which of the next files are in the window; says which are not. `upTo`: the last one that was looked at. */
  async #page(
    origin: string,
    rest: FileRanges,
    window: WantWindow,
  ): Promise<{ readonly inside: FileRanges; readonly upTo: number | undefined }> {
    const asked = firstOfRanges(rest, RECORDS_PAGE);
    const records = await this.#store.records(origin, asked, RECORDS_PAGE);
    const outside = rangesOf(records.filter((record) => !isInside(record, window)).map(({ file }) => file));
    if (outside.length > 0) await this.#skipped(origin, outside);
    return { inside: subtractRanges(asked, outside), upTo: asked.at(-1)?.[1] };
  }

  async #send(origin: string, ranges: FileRanges): Promise<void> {
    let rest = ranges;
    let reading: Promise<Reading> | undefined;
    let sent = NOTHING_READ;
    try {
      while (rest.length > 0 && !this.#isFull()) {
        sent = await (reading ?? this.#read(origin, rest));
        const { copies } = sent;
        const last = copies.at(-1)?.record.file;
        const looked = last === undefined ? rest : subtractRanges(rest, rangesAbove(rest, last));
        rest = last === undefined ? NO_FILES : rangesAbove(rest, last);
        const { bundles, tooLarge } = this.#ports.tooLarge.pack(copies);
        this.#filesLeft -= copies.length;
        for (const { total } of bundles) this.#bytesLeft -= total;
        // The next batch is read while this one is packed and sent, unless that takes the room which it may need.
        reading = rest.length > 0 && !this.#isFull() && !sent.large ? this.#read(origin, rest) : undefined;
        reading?.catch(() => {});
        await this.#gone(origin, subtractRanges(looked, rangesOf(copies.map(({ record }) => record.file))));
        for (const bundle of bundles) await this.#channel.sendBundle(this.#want.id, bundle);
        this.#sent += copies.length - tooLarge.length;
        for (const { record, fault: reason } of tooLarge)
          await this.#tooLarge(origin, [[record.file, record.file]], reason.message);
        sent.leave();
      }
    } finally {
      sent.leave();
      void reading?.then(({ leave }) => leave()).catch(() => {});
    }
  }

  /** What cannot travel holds up nothing: the answer goes on. */
  async #tooLarge(origin: string, ranges: FileRanges, reason: string | undefined): Promise<void> {
    this.#trouble ??= ranges.length > 0 ? reason : undefined;
    await this.#gone(origin, ranges);
  }

  /**
   * The next files; where the first of them spoils the read, it is left out, and so said to be gone. Throws what is a
   * fault of this node and not of a file: the peer comes again then.
   */
  async #read(origin: string, ranges: FileRanges): Promise<Reading> {
    const [first] = firstOfRanges(ranges, 1);
    if (first === undefined) return NOTHING_READ;
    const [file] = first;
    try {
      const reading = await this.#readSome(origin, file, ranges);
      if (reading.passedOverMs === undefined) return reading;
      this.#inVainMs += reading.passedOverMs;
    } catch (caught) {
      if (!isFaultOfFile(caught)) throw caught;
      this.#trouble = asFault(caught).message;
      return this.#read(origin, rangesAbove(ranges, file));
    }
    // Who asks is silent for no longer. The next answer knows how large these are, and comes further.
    const enough = this.#inVainMs >= TRANSFER_READ_TURN_MS;
    this.#passOver(origin, enough ? ranges : [[file, file]]);
    if (!enough) return this.#read(origin, rangesAbove(ranges, file));
    this.#filesLeft = 0;
    return NOTHING_READ;
  }

  async #readSome(origin: string, file: number, ranges: FileRanges): Promise<Reading> {
    const { outgoing, peer } = this.#ports;
    const reading = (read: () => Promise<readonly FileCopy[]>): Promise<Reading> =>
      outgoing.read({ key: `${origin}/${file}`, read, isGone: this.#isGone, peer });
    try {
      const files = Math.min(TRANSFER_BUNDLE_FILES_MAX, this.#filesLeft);
      return await reading(() => this.#store.readMany(origin, ranges, { files, bytes: TRANSFER_BATCH_BYTES }));
    } catch (caught) {
      if (!isFaultOfFile(caught)) throw caught;
      return reading(async () => [await this.#store.read(origin, file)]);
    }
  }

  #passOver(origin: string, ranges: FileRanges): void {
    this.#passedOver.set(origin, uniteRanges(this.#passedOver.get(origin) ?? NO_FILES, ranges));
  }

  async #gone(origin: string, missing: FileRanges): Promise<void> {
    const ranges = subtractRanges(missing, this.#passedOver.get(origin) ?? NO_FILES);
    if (ranges.length === 0) return;
    const text = this.#trouble === undefined ? {} : { text: this.#trouble.slice(0, 2_000) };
    for (const files of inMessages([[origin, ranges]]))
      await this.#channel.send({ type: 'gone', id: this.#want.id, files: mutable(files), ...text });
    this.#trouble = undefined;
  }

  async #skipped(origin: string, ranges: FileRanges): Promise<void> {
    for (const files of inMessages([[origin, ranges]]))
      await this.#channel.send({ type: 'skipped', id: this.#want.id, files: mutable(files) });
  }
}

/** What lies in the way of one file: its content, its rows, the pages or the table that they are in. */
const isFaultOfFile = (caught: unknown): boolean =>
  /^(?:FILE|INGEST|TABLE)_|^SQLITE_(?:CORRUPT|NO_DATABASE|STATEMENT|TOO_LARGE)$/.test(asFault(caught).code);

const isInside = ({ time }: FileRecord, { from, to }: WantWindow): boolean =>
  (from === null || time >= from) && (to === null || time <= to);
