import { inSlices } from '../../base/slices.ts';
import { asFault } from '../../base/errors.ts';
import { parseErasable, signatureHoldsInBackground } from '../../entry/check.ts';
import type { Entry } from '../../entry/entry.ts';
import { type Fork, foldFork, versionOf } from '../chain.ts';
import type { HeldEntry, Ledger } from '../ledger.ts';
import { checkLinks, type Fact } from './links.ts';
import type { AuditFault, AuditReport } from './report.ts';

/** Entries read, and signatures checked on the thread pool, at a time. */
const SLICE = 256;
const SIGNATURES_AT_ONCE = 16;

/** How an audit tells its progress, and is stopped. */
export interface AuditOptions {
  /** Called now and then with the number of entries read so far and of all. */
  readonly onProgress?: (done: number, all: number) => void;
  readonly signal?: AbortSignal;
}

/**
 * Checks everything that is held when it begins, from the bytes on disk and from nothing that the ledger remembers of
 * them: each entry alone (SPEC E1 to E7), then network, logs, parents, times and forks (L1 to L5), then the version.
 * Rejects with the signal's reason when it is aborted.
 */
export const auditLedger = async (ledger: Ledger, options: AuditOptions = {}): Promise<AuditReport> => {
  const audit = new Audit(ledger);
  const end = ledger.size;
  const forksBefore = ledger.equivocations().length;
  for (let cursor = 0; cursor < end;) {
    options.signal?.throwIfAborted();
    const held = await ledger.follow(cursor, Math.min(SLICE, end - cursor), 'stored');
    const last = held.at(-1);
    if (last === undefined) break;
    await audit.read(held.filter((entry) => entry.cursor < end));
    cursor = last.cursor + 1;
    options.onProgress?.(Math.min(cursor, end), end);
  }
  return audit.finish(forksBefore, ledger.size === end ? ledger.version : undefined);
};

class Audit {
  readonly #ledger: Ledger;
  readonly #facts = new Map<string, Fact>();
  readonly #bySeq = new Map<string, string[]>();
  readonly #forks = new Map<string, Fork>();
  #entries = 0;
  #signatures = 0;
  #erased = 0;
  #archived = 0;
  #faults = 0;
  #first: AuditFault | undefined;

  constructor(ledger: Ledger) {
    this.#ledger = ledger;
  }

  async read(held: readonly HeldEntry[]): Promise<void> {
    for (let at = 0; at < held.length; at += SIGNATURES_AT_ONCE)
      await Promise.all(held.slice(at, at + SIGNATURES_AT_ONCE).map((entry) => this.#readOne(entry)));
  }

  async finish(forksKnown: number, versionKnown: string | undefined): Promise<AuditReport> {
    const { network } = this.#ledger;
    this.#checkLines();
    const found = await inSlices(checkLinks(this.#facts, this.#forks, network));
    for (const fault of found.faults) this.#report(fault);
    if (this.#forks.size < forksKnown) this.#complain('fork', 'fewer proofs of equivocation on disk than are known');
    const version = versionOf(found.heads, this.#forks);
    if (versionKnown !== undefined && version !== versionKnown)
      this.#complain('version', `what is on disk has version ${version}, the ledger says ${versionKnown}`);
    return {
      sound: this.#faults === 0,
      network,
      version,
      checked: {
        entries: this.#entries,
        authors: new Set([...this.#facts.values()].map(({ author }) => author)).size,
        signatures: this.#signatures,
        erased: this.#erased,
        archived: this.#archived,
        vouched: found.vouched,
        links: found.links,
        void: found.void,
        equivocations: this.#forks.size,
        mended: this.#ledger.status().mended,
      },
      faults: this.#faults,
      first: this.#first,
    };
  }

  async #readOne({ entry: held }: HeldEntry): Promise<void> {
    const { author, seq } = held.header;
    let entry: Entry;
    try {
      entry = parseErasable(held.raw);
    } catch (caught) {
      this.#report({ rule: 'form', text: asFault(caught).message, author, seq, hash: held.hash });
      return;
    }
    this.#entries += 1;
    if (entry.bodiless === true) this.#noteBodiless(entry, held.archived === true);
    if (entry.hash !== held.hash)
      this.#report({ rule: 'hash', text: `the bytes have hash ${entry.hash}`, author, seq, hash: held.hash });
    const isSigned = await signatureHoldsInBackground(entry);
    if (isSigned) this.#signatures += 1;
    this.#note(entry, isSigned);
  }

  #noteBodiless({ hash, header }: Entry, isArchived: boolean): void {
    const { author, seq } = header;
    if (this.#ledger.erasedBy(hash) !== undefined) this.#erased += 1;
    else if (isArchived) this.#archived += 1;
    else this.#report({ rule: 'body', text: 'its body is missing, and nobody erased it by right', author, seq, hash });
  }

  #note({ hash, header }: Entry, isSigned: boolean): void {
    const { author, seq, prev, parents, time, op, net } = header;
    this.#facts.set(hash, { hash, author, seq, prev, parents, time, net: op === 'genesis' ? hash : net, isSigned });
    const key = `${author} ${seq}`;
    const same = [...(this.#bySeq.get(key) ?? []), hash];
    this.#bySeq.set(key, same);
    if (new Set(same).size < 2) return;
    const fork = foldFork(this.#forks.get(author), seq, same);
    if (fork !== undefined) this.#forks.set(author, fork);
  }

  /** A line that cannot be read is a fault until what it held is held again. */
  #checkLines(): void {
    for (const { file, offset, author, seq } of this.#ledger.status().damaged)
      this.#report({ rule: 'line', text: `${file} is damaged at byte ${offset}`, author, seq, hash: undefined });
  }

  #complain(rule: string, text: string): void {
    this.#report({ rule, text, author: undefined, seq: undefined, hash: undefined });
  }

  #report(fault: AuditFault): void {
    this.#faults += 1;
    this.#first ??= fault;
  }
}
