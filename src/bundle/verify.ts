import { HoldfastError, textOf } from '../base/errors.ts';
import { BUNDLE_BYTES_MAX, BUNDLE_ENTRIES_MAX, BUNDLE_FILES_MAX } from '../base/limits.ts';
import { atOnce } from '../base/slices.ts';
import { sha256Hex } from '../codec/hash.ts';
import { readTar, type TarFile } from '../codec/tar.ts';
import { verifySignature } from '../entry/keys.ts';
import { genesisSchema } from '../entry/schema.ts';
import { forksOf } from '../policy/closure.ts';
import type { Past } from '../policy/past.ts';
import { type Answer, answerOf } from './answer.ts';
import { type BundledEntry, checkKeys, checkLedger, readEntries } from './entries.ts';
import { type CheckedReceipts, checkKnown, checkReceipts, knownIn } from './check-receipts.ts';
import { erasedIn, factsIn } from './erased.ts';
import { bundleFault } from './faults.ts';
import { howTo } from './how-to.ts';
import {
  CHECKPOINT,
  HOW_TO,
  KNOWN_CHECKPOINT,
  KNOWN_RECEIPTS,
  MANIFEST,
  MANIFEST_SIGNATURE,
  manifestLine,
  POLICY,
  QUERY,
  readEntryName,
  readKeyName,
  readProofName,
  RECEIPTS,
  STATE,
} from './names.ts';
import { type Question, readQuestion } from './question.ts';
import type { BundleReport, TrustedRoot } from './report.ts';

/** What who checks a bundle knows beforehand. */
export interface VerifyOptions {
  /** Key that must be a root of the network, 64 hex digits. */
  readonly root?: string;
}

/**
 * Checks everything in a bundle, from its bytes alone (SPEC §5), in the order of the SPEC and up to the first fault.
 * The bytes may come from anybody: sizes, counts and names are bounded, nothing is written. Never throws on account of
 * them.
 */
export const verifyBundle = (archive: Uint8Array, options: VerifyOptions = {}): BundleReport => {
  const check = new Check();
  try {
    return check.run(archive, options);
  } catch (caught) {
    const { file, rule } = placeOf(caught);
    return { ...check.known(), sound: false, fault: { file, rule, text: textOf(caught) } };
  }
};

/** What a fault is about. Our own program's errors go through. */
const placeOf = (caught: unknown): { readonly file: string; readonly rule: string } => {
  if (!(caught instanceof HoldfastError)) throw caught;
  const { code, data } = caught;
  const file = typeof data['file'] === 'string' ? data['file'] : undefined;
  if (code === 'BUNDLE_FAULT') return { file: file ?? '', rule: String(data['rule']) };
  if (code === 'CODEC_TAR') return { file: file ?? 'the archive', rule: 'archive' };
  throw caught;
};

class Check {
  #question: Question | undefined;
  #trusted: TrustedRoot | undefined;

  known(): Omit<BundleReport, 'sound' | 'fault'> {
    return {
      question: this.#question,
      trusted: this.#trusted,
      root: undefined,
      checked: undefined,
      receipts: undefined,
      known: undefined,
      unshown: undefined,
      erased: undefined,
      ownHowTo: undefined,
    };
  }

  run(archive: Uint8Array, { root }: VerifyOptions): BundleReport {
    if (archive.byteLength > BUNDLE_BYTES_MAX)
      throw bundleFault(
        'the archive',
        'archive',
        `it has ${archive.byteLength} bytes; at most ${BUNDLE_BYTES_MAX} are read`,
      );
    const list = readTar(archive, BUNDLE_FILES_MAX);
    const files = new Map(list.map(({ name, bytes }) => [name, bytes]));
    const question = questionIn(files);
    this.#question = question;
    checkManifest(list, files, question.by);
    const entries = readEntries(files);
    if (entries.length > BUNDLE_ENTRIES_MAX)
      throw bundleFault(
        'the archive',
        'archive',
        `it has ${entries.length} entries; at most ${BUNDLE_ENTRIES_MAX} are read`,
      );
    const trusted = trustedRoot(entries, question.network, root);
    this.#trusted = trusted;
    const facts = factsIn(entries);
    const forks = atOnce(forksOf(facts));
    const ledger = checkLedger(entries, forks, question.network);
    const held = new Set(facts.map(({ hash }) => hash));
    const knownLog = knownIn(files, held, question);
    const answer = answerIn(files, () => atOnce(answerOf(facts, question, knownLog)));
    const { past, voids, registered } = answer;
    const known = checkKnown(knownLog, answer, question);
    const checkedReceipts = checkReceipts(files, { held, registered, question });
    const vouching = known === undefined ? [] : [known.node, ...known.witnesses.map(({ witness }) => witness)];
    checkKeys(files, entries, [question.by, ...(checkedReceipts?.witnesses ?? []), ...vouching]);
    return {
      ...{ sound: true, fault: undefined, question, trusted, root: past.root },
      receipts: checkedReceipts?.receipts,
      known,
      unshown: unshownOf(question, past, checkedReceipts),
      erased: erasedIn(facts),
      ownHowTo: isOwnHowTo(files, question, checkedReceipts !== undefined),
      checked: {
        files: files.size,
        entries: entries.length,
        authors: new Set(facts.map(({ author }) => author)).size,
        signatures: ledger.signatures,
        vouched: ledger.vouched,
        links: ledger.links,
        equivocations: forks.size,
        policies: question.id === null ? past.book.ofType().length : past.book.get(question.id) === undefined ? 0 : 1,
        void: voids.length,
      },
    };
  }
}

/** The stated time of an entry is its author's word: how many of those up to a time have no other. */
const unshownOf = ({ moment }: Question, { book }: Past, receipts: CheckedReceipts | undefined): number | undefined => {
  if (moment.kind !== 'time') return undefined;
  const shown = receipts?.shownBy(moment.micros);
  return book.facts().filter(({ hash }) => shown?.has(hash) !== true).length;
};

type Files = ReadonlyMap<string, Uint8Array>;

const needed = (files: Files, name: string): Uint8Array => {
  const bytes = files.get(name);
  if (bytes === undefined) throw bundleFault(name, 'archive', 'it is missing');
  return bytes;
};

const isOwnHowTo = (files: Files, question: Question, hasReceipts: boolean): boolean =>
  Buffer.from(howTo(question, hasReceipts)).equals(files.get(HOW_TO) ?? new Uint8Array());

const questionIn = (files: Files): Question => {
  try {
    return readQuestion(needed(files, QUERY));
  } catch (caught) {
    if (caught instanceof HoldfastError && caught.code === 'BUNDLE_FAULT') throw caught;
    throw bundleFault(QUERY, 'query', `it is no question that this program knows: ${textOf(caught).slice(0, 400)}`);
  }
};

const KNOWN_FILES: ReadonlySet<string> = new Set([
  ...[QUERY, STATE, HOW_TO, RECEIPTS, CHECKPOINT, POLICY, KNOWN_CHECKPOINT, KNOWN_RECEIPTS],
  ...[MANIFEST, MANIFEST_SIGNATURE],
]);
const NAMED_FILES = [readEntryName, readKeyName, readProofName];

/**
 * The manifest names every other file, in the order of the archive, with its hash; the node that made the export has
 * signed it.
 */
const checkManifest = (list: readonly TarFile[], files: Files, by: string): void => {
  const manifest = Buffer.from(needed(files, MANIFEST));
  let at = 0;
  for (const { name, bytes } of list) {
    if (name === MANIFEST || name === MANIFEST_SIGNATURE) continue;
    if (!KNOWN_FILES.has(name) && NAMED_FILES.every((read) => read(name) === undefined))
      throw bundleFault(name, 'archive', 'a bundle has no such file');
    const line = manifestLine(sha256Hex(bytes), name);
    if (manifest.toString('latin1', at, at + line.length) !== line)
      throw bundleFault(name, 'manifest', `${MANIFEST} does not name it here with its hash`);
    at += line.length;
  }
  if (at !== manifest.byteLength) throw bundleFault(MANIFEST, 'manifest', 'it names files that are not there');
  if (!verifySignature(by, manifest, needed(files, MANIFEST_SIGNATURE)))
    throw bundleFault(MANIFEST_SIGNATURE, 'signature', `it is not the signature of ${by} over ${MANIFEST}`);
};

const trustedRoot = (entries: readonly BundledEntry[], network: string, demanded: string | undefined): TrustedRoot => {
  const genesis = entries.find(({ entry }) => entry.header.op === 'genesis' && entry.hash === network);
  if (genesis === undefined)
    throw bundleFault(QUERY, 'root', `the first entry of the network ${network} is not in the bundle`);
  const { name, admission, roots } = genesisSchema.parse(genesis.entry.content);
  if (demanded !== undefined && !roots.includes(demanded.toLowerCase()))
    throw bundleFault(
      `${genesis.stem}.body`,
      'root',
      `${demanded} is no root of this network; its roots: ${roots.join(', ')}`,
    );
  return { network, name, admission, roots, demanded: demanded?.toLowerCase() };
};

/** The answer that follows from the entries; `state.json` must say the same, byte by byte. */
const answerIn = (files: Files, compute: () => Answer): Answer => {
  let answer: Answer;
  try {
    answer = compute();
  } catch (caught) {
    throw bundleFault(QUERY, 'query', textOf(caught));
  }
  if (Buffer.compare(answer.bytes, needed(files, STATE)) !== 0)
    throw bundleFault(STATE, 'state', 'it is not what follows from the entries');
  return answer;
};
