import { asFault, fault } from '../../base/errors.ts';
import {
  SCRUB_LISTED_MAX,
  SCRUB_MESSAGE_BYTES_MAX,
  SCRUB_MESSAGE_FILES_MAX,
  SCRUB_PASS_MS,
  SCRUB_REST_MS_MAX,
  SCRUB_RETRY_MS,
  SCRUB_ROWS_PER_S_MAX,
  SCRUB_START_MS,
  SCRUB_STEP_FILES,
  SCRUB_STEP_ROWS,
} from '../../base/limits.ts';
import type { Logger } from '../../base/log.ts';
import type { FileCheck, Finding, Strays } from '../../operator/file-check.ts';
import type { FileCopy, FileRanges } from '../../operator/file-record.ts';
import { countRanges } from '../../operator/ranges.ts';
import type { ClusterPeer, ClusterRepair, Scrubbing, ScrubStatus } from '../replication.ts';
import { rangesAbove, rangesOf } from '../transfer/holdings.ts';
import type { FilesByOrigin } from '../transfer/messages.ts';
import { believe, remedyFor, type View, viewOf } from './believe.ts';
import { Mender, type MenderPorts } from './mender.ts';
import { encodeScrubAnswer, type MendReport, type ScrubAnswer, type ScrubRequest } from './messages.ts';
import { askScrub, type ScrubEndpoint, type ScrubService } from './protocol.ts';

/** What is read and mended, and where peers ask for the same. */
export interface ScrubberPorts extends Omit<MenderPorts, 'connected'> {
  readonly endpoint: ScrubEndpoint;
  readonly clusterPeers: () => readonly ClusterPeer[];
  readonly isUp: (operator: string) => boolean;
  readonly log: Logger;
}

/** How far a pass has come. */
interface Walk {
  readonly origins: FilesByOrigin;
  /** Files of all origins. */
  readonly files: number;
  readonly beganMs: number;
  at: number;
  rest: FileRanges;
}

const keyOf = ({ origin, file }: { readonly origin: string; readonly file: number }): string => `${origin}/${file}`;

/** The files of a list, cut to what one message may name; at least one piece, maybe empty. */
const inPieces = (files: readonly { readonly origin: string; readonly file: number }[]): readonly FilesByOrigin[] => {
  const pieces: FilesByOrigin[] = [];
  for (let at = 0; at === 0 || at < files.length; at += SCRUB_MESSAGE_FILES_MAX) {
    const byOrigin = Map.groupBy(files.slice(at, at + SCRUB_MESSAGE_FILES_MAX), ({ origin }) => origin);
    pieces.push([...byOrigin].map(([origin, of]) => [origin, rangesOf(of.map(({ file }) => file))] as const));
  }
  return pieces;
};

/**
 * Reads all files over and over at a bounded rate, compares their rows with what proves them, and mends what is
 * damaged; answers the peers that do the same. One file is mended at a time.
 */
export class Scrubber implements ScrubService, Scrubbing {
  readonly #ports: ScrubberPorts;
  readonly #mender: Mender;
  readonly #detach: () => void;
  readonly #deeds: (MendReport & { readonly time: string })[] = [];
  /** Damaged files that every connected peer was asked about in vain. */
  readonly #hopeless = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();
  #cancelStep: () => void;
  #cancelRetry: () => void = () => {};
  #walk: Walk | undefined;
  #hurry = false;
  #status = { looked: 0, rows: 0, passes: 0, found: 0, mended: 0, lastPassMs: 0 };
  #strays: readonly Strays[] = [];
  #lastError: string | undefined;
  #closed = false;

  constructor(ports: ScrubberPorts) {
    this.#ports = ports;
    this.#mender = new Mender({ ...ports, connected: () => this.#connected() });
    this.#detach = ports.endpoint.attach(this);
    this.#cancelStep = ports.clock.after(SCRUB_START_MS, () => this.#stepSoon(0));
    this.#retryLater();
  }

  /** Whether damage is being mended that another operator does not have: then it answers queries instead. */
  get holdsBack(): boolean {
    return (
      this.#ports.store.damages().some((damage) => !this.#hopeless.has(keyOf(damage))) && this.#connected().length > 0
    );
  }

  status(): ScrubStatus {
    const { lastPassMs, ...counts } = this.#status;
    return {
      ...counts,
      files: this.#walk?.files ?? countAll(this.#ports.store.holdings()),
      lastPass: lastPassMs === 0 ? undefined : new Date(lastPassMs).toISOString(),
      deeds: [...this.#deeds].reverse(),
      strays: this.#strays,
      lastError: this.#lastError,
    };
  }

  /** Begins a pass now, as fast as the bound on rows allows. */
  runNow(): void {
    this.#walk = undefined;
    this.#hurry = true;
    this.#stepSoon(0);
  }

  /** Asks every connected operator of the cluster, and this one, to mend files and to put rows of no file aside. */
  async repairAll(files: readonly { readonly origin: string; readonly file: number }[]): Promise<ClusterRepair> {
    const reports: MendReport[] = [];
    const failed: { name: string; text: string }[] = [];
    let aside = 0;
    for (const piece of inPieces(files)) {
      // This one first: what it mends is a source for the others.
      const own = await this.#mendAll(piece);
      reports.push(...own.reports);
      aside += own.aside;
      for (const peer of this.#ports.clusterPeers()) {
        try {
          const answer = await askScrub(this.#ports, peer.peer, this.#request('mend', piece));
          if (answer.kind !== 'mended')
            throw fault('REPLICATION_SCRUB_MALFORMED', `${answer.kind} where reports are due`);
          reports.push(...answer.reports.map((report) => ({ ...report, operator: peer.operator })));
          aside += answer.aside;
        } catch (caught) {
          failed.push({ name: peer.name, text: asFault(caught).message });
        }
      }
    }
    return { reports, aside, failed };
  }

  async answer(
    peer: string,
    request: ScrubRequest,
  ): Promise<Exclude<ScrubAnswer, { kind: 'copy' | 'refused' }> | FileCopy> {
    const caller = this.#ports.clusterPeers().find(({ peer: key }) => key === peer);
    if (caller?.operator !== request.operator)
      throw fault('REPLICATION_NOT_A_PEER', 'the policies here know no operator of this cluster with that id and key');
    switch (request.kind) {
      case 'copy':
        return this.#ports.store.read(request.origin, request.file);
      case 'look': {
        const checks = await this.#mender.checks(request.files);
        return {
          kind: 'views',
          views: checks.map((check) => {
            const { operator: _, ...view } = viewOf(this.#ports.self, check);
            return { ...view, origin: check.origin, file: check.file };
          }),
        };
      }
      case 'mend':
        return fitting({ kind: 'mended', ...(await this.#mendAll(request.files)) });
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#detach();
    this.#cancelStep();
    this.#cancelRetry();
    await this.#queue;
  }

  #connected(): readonly ClusterPeer[] {
    return this.#ports.clusterPeers().filter(({ operator }) => this.#ports.isUp(operator));
  }

  #request(kind: 'mend', files: FilesByOrigin): Extract<ScrubRequest, { kind: 'mend' }> {
    const mutable = files.map(([origin, ranges]) => [origin, ranges.map(([from, to]) => [from, to])]);
    return { kind, operator: this.#ports.self, files: mutable as [string, [number, number][]][] };
  }

  /** One after the other: two repairs of one file would fetch it twice. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(work);
    this.#queue = done.catch(() => {});
    return done;
  }

  #mendAll(files: FilesByOrigin): Promise<{ reports: MendReport[]; aside: number }> {
    return this.#inTurn(async () => {
      const reports: MendReport[] = [];
      for (const check of await this.#mender.checks(files)) reports.push(await this.#mend(check));
      let aside = 0;
      for (const strays of await this.#ports.store.strays()) aside += await this.#ports.store.setAside(strays);
      this.#strays = await this.#ports.store.strays();
      return { reports, aside };
    });
  }

  async #mend(check: FileCheck): Promise<MendReport> {
    const report = await this.#mender.mend(check);
    const { origin, file } = check;
    const [key, known] = [keyOf(check), this.#hopeless.has(keyOf(check))];
    if (report.did === 'failed') {
      this.#hopeless.add(key);
      if (known) return report;
      await this.#ports.store.note([{ origin, file, sum: undefined, damage: report.why }]);
      this.#ports.log.warn(`file ${file} of ${origin} is damaged and cannot be mended: ${report.why}`, {
        origin,
        file,
      });
    } else {
      this.#hopeless.delete(key);
      await this.#ports.store.note([{ origin, file, sum: undefined, damage: undefined }]);
      if (report.did === 'none') return report;
      this.#status.mended += 1;
      const { did, changed, from } = report;
      this.#ports.log.info(`file ${file} of ${origin} was mended from ${from}`, { did, changed });
    }
    this.#deeds.push({ ...report, time: new Date(this.#ports.clock.wallMs()).toISOString() });
    if (this.#deeds.length > SCRUB_LISTED_MAX) this.#deeds.shift();
    return report;
  }

  #stepSoon(ms: number): void {
    this.#cancelStep();
    if (this.#closed) return;
    this.#cancelStep = this.#ports.clock.after(ms, () => {
      void this.#inTurn(() => this.#step()).then(
        (waitMs) => {
          this.#lastError = undefined;
          this.#stepSoon(waitMs);
        },
        (caught: unknown) => {
          this.#lastError = asFault(caught).message;
          this.#stepSoon(SCRUB_RETRY_MS);
        },
      );
    });
  }

  /** Looks at the next files; returns how long to rest, in milliseconds. */
  async #step(): Promise<number> {
    if (this.#closed) return 0;
    const walk = (this.#walk ??= this.#begin());
    const [origin] = walk.origins[walk.at] ?? [];
    if (origin === undefined) return this.#end(walk.beganMs);
    const checks = await this.#ports.store.check(origin, walk.rest, { files: SCRUB_STEP_FILES, rows: SCRUB_STEP_ROWS });
    const last = checks.at(-1)?.file;
    walk.rest = last === undefined ? [] : rangesAbove(walk.rest, last);
    if (walk.rest.length === 0) {
      walk.at += 1;
      walk.rest = walk.origins[walk.at]?.[1] ?? [];
    }
    const rows = checks.reduce((sum, check) => sum + check.rows, 0);
    this.#status.looked += checks.length;
    this.#status.rows += rows;
    await this.#judge(origin, checks);
    const share = Math.min(SCRUB_REST_MS_MAX, (SCRUB_PASS_MS * checks.length) / Math.max(1, walk.files));
    return Math.max((rows * 1_000) / SCRUB_ROWS_PER_S_MAX, this.#hurry ? 0 : share);
  }

  #begin(): Walk {
    const origins = [...this.#ports.store.holdings()];
    this.#status = { ...this.#status, looked: 0, rows: 0 };
    return {
      origins,
      at: 0,
      rest: origins[0]?.[1] ?? [],
      files: countAll(origins),
      beganMs: this.#ports.clock.monotonicMs(),
    };
  }

  #isHurried(): boolean {
    return this.#hurry;
  }

  async #end(beganMs: number): Promise<number> {
    this.#walk = undefined;
    this.#hurry = false; // first: a run that is asked for meanwhile sets it again
    for (const scope of await this.#ports.store.pages()) await this.#ports.store.checkPages(scope);
    this.#strays = await this.#ports.store.strays();
    this.#status.passes += 1;
    this.#status.lastPassMs = this.#ports.clock.wallMs();
    if (this.#isHurried()) return 0;
    return Math.max(SCRUB_REST_MS_MAX, beganMs + SCRUB_PASS_MS - this.#ports.clock.monotonicMs());
  }

  async #judge(origin: string, checks: readonly FileCheck[]): Promise<void> {
    const others = await this.#viewsOnOpen(origin, checks);
    const sound: Finding[] = [];
    for (const check of checks) {
      const views = others.get(keyOf(check)) ?? [];
      if (!isDamaged(check, views, this.#ports.self)) {
        if (check.record?.status === 'stored')
          sound.push({ origin, file: check.file, sum: check.sum, damage: undefined });
        continue;
      }
      this.#status.found += 1;
      if (check.proof === 'refuted')
        await this.#ports.store.note([
          { origin, file: check.file, sum: undefined, damage: 'its rows are not those of its content' },
        ]);
      await this.#mend(check);
    }
    if (sound.length > 0) await this.#ports.store.note(sound);
  }

  /** Files that nothing proves here: what the peers hold of them. */
  async #viewsOnOpen(origin: string, checks: readonly FileCheck[]): Promise<ReadonlyMap<string, readonly View[]>> {
    const open = checks.filter(({ proof }) => proof === 'open').map(({ file }) => file);
    return open.length === 0 ? new Map() : this.#mender.peerViews([[origin, rangesOf(open)]]);
  }

  /** Damage that could not be mended is tried again, since peers come back. */
  #retryLater(): void {
    this.#cancelRetry = this.#ports.clock.after(SCRUB_RETRY_MS, () => {
      void this.#inTurn(() => this.#retry())
        .catch((caught: unknown) => {
          this.#lastError = asFault(caught).message;
        })
        .then(() => {
          if (!this.#closed) this.#retryLater();
        });
    });
  }

  async #retry(): Promise<void> {
    for (const { origin, file } of this.#ports.store.damages()) {
      if (this.#closed) return;
      const [check] = await this.#ports.store.check(origin, [[file, file]], { files: 1, rows: 0 });
      if (check !== undefined) await this.#mend(check);
    }
  }
}

/**
 * Refuted, unknown by its record, damaged in the archive, or, where nothing proves it, other than is to be believed.
 */
const isDamaged = (check: FileCheck, others: readonly View[], self: string): boolean => {
  if (check.proof === 'refuted' || check.archive === 'damaged') return true;
  if (check.proof === 'proved') return false;
  const own = viewOf(self, check);
  return remedyFor(own, believe([own, ...others], check.origin)) !== 'none';
};

const countAll = (files: Iterable<readonly [string, FileRanges]>): number => {
  let count = 0;
  for (const [, ranges] of files) count += countRanges(ranges);
  return count;
};

/** Where the rows that a report names do not fit into a message, their number must do. */
const fitting = (answer: Extract<ScrubAnswer, { kind: 'mended' }>): Extract<ScrubAnswer, { kind: 'mended' }> =>
  encodeScrubAnswer(answer).byteLength <= SCRUB_MESSAGE_BYTES_MAX
    ? answer
    : { ...answer, reports: answer.reports.map((report) => ({ ...report, changes: [] })) };
