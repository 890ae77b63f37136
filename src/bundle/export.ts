import { createHash } from 'node:crypto';
import { fault } from '../base/errors.ts';
import { BUNDLE_BYTES_MAX, BUNDLE_ENTRIES_MAX, LEDGER_FOLLOW_ENTRIES_MAX } from '../base/limits.ts';
import { inSlices } from '../base/slices.ts';
import { TAR_END, tarBytes, tarEntry, type TarFile } from '../codec/tar.ts';
import { publicKeyPem } from '../entry/keys.ts';
import type { Archive } from '../ledger/archive/port.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import type { Fact } from '../policy/facts.ts';
import { answerOf, type KnownEntries } from './answer.ts';
import { type WholeFacts, withArchived } from './borrowed.ts';
import { gatherReceipts, type ReceiptFiles, type ReceiptSource } from './gather-receipts.ts';
import { howTo } from './how-to.ts';
import {
  entryStem,
  HOW_TO,
  keyFile,
  KNOWN_CHECKPOINT,
  KNOWN_RECEIPTS,
  MANIFEST,
  MANIFEST_SIGNATURE,
  manifestLine,
  nameEntries,
  QUERY,
  STATE,
} from './names.ts';
import { receiptsText } from './receipts.ts';
import { type Question, questionBytes } from './question.ts';

/** What a bundle is made from: the node's ledger, its receipts, and its key to sign with. */
export interface ExportPorts {
  readonly ledger: Pick<Ledger, 'follow' | 'byHash'>;
  /** What is kept of every entry that the bundle shall hold. */
  readonly facts: readonly Fact[];
  /** Who has the bodies that were dropped here. */
  readonly archive: Archive | undefined;
  /** Undefined where the node has signed no checkpoint yet: then the bundle says nothing of when it had what. */
  readonly receipts: ReceiptSource | undefined;
  /** What the node had that the question names; undefined where it names none. */
  readonly known: KnownEntries | undefined;
  /** The signature of the node that the question names. */
  sign(manifest: Uint8Array): Uint8Array;
}

/**
 * Makes a bundle (SPEC.md): computes the answer first, so that what cannot be answered is refused at once, then gives
 * the archive piece by piece. The pieces fail with `BUNDLE_ENTRY_MISSING` where an entry cannot be read any more.
 * Throws `BUNDLE_OVERSIZE`, `POLICY_FRONTIER_UNKNOWN`, and what {@link gatherReceipts} throws.
 */
export const exportBundle = async (
  ports: ExportPorts,
  question: Question,
  signal?: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> => {
  if (ports.facts.length > BUNDLE_ENTRIES_MAX)
    throw fault(
      'BUNDLE_OVERSIZE',
      `the ledger has ${ports.facts.length} entries; a bundle holds at most ${BUNDLE_ENTRIES_MAX}`,
    );
  const whole = await withArchived(ports, signal);
  const { facts } = whole;
  const { known } = ports;
  const { bytes, origins, registered, counting } = await inSlices(answerOf(facts, question, known), signal);
  const held = new Set(facts.map(({ hash }) => hash));
  const receipts =
    ports.receipts === undefined
      ? NO_RECEIPTS
      : await gatherReceipts(ports.receipts, { held, proven: origins, registered });
  const erased = new Set(facts.flatMap(({ hash, bodiless }) => (bodiless ? [hash] : [])));
  return archiveOf(ports, question, { ...whole, erased, state: bytes, receipts, known: filesOf(known, counting) });
};

const NO_RECEIPTS: ReceiptFiles = { files: [], witnesses: [] };

/** What was computed before the first byte. */
interface Contents extends WholeFacts {
  /** Entries without body. */
  readonly erased: ReadonlySet<string>;
  readonly state: Uint8Array;
  readonly receipts: ReceiptFiles;
  readonly known: ReceiptFiles;
}

/** `known/…`, and whose keys the bundle must hold for them. */
const filesOf = (known: ExportPorts['known'], counting: ReadonlySet<PeerKey>): ReceiptFiles => {
  if (known === undefined) return NO_RECEIPTS;
  const { checkpoint, entries } = known;
  const witnesses = checkpoint.cosignatures.flatMap(({ witness }) => (counting.has(witness) ? [witness] : []));
  return {
    files: [text(KNOWN_CHECKPOINT, checkpoint.note), text(KNOWN_RECEIPTS, receiptsText(entries))],
    witnesses: [checkpoint.origin.node, ...witnesses],
  };
};

const goneMeanwhile = (entry: string): Error =>
  fault('BUNDLE_ENTRY_MISSING', `what entry ${entry} says was dropped or erased here while the bundle was made`, {
    hint: 'export again',
  });

const text = (name: string, content: string): TarFile => ({ name, bytes: Buffer.from(content) });

const archiveOf = async function* (
  ports: ExportPorts,
  question: Question,
  contents: Contents,
): AsyncGenerator<Uint8Array> {
  const { facts, state, receipts, known } = contents;
  const lines: string[] = [];
  let size = TAR_END.byteLength;
  const packed = (file: TarFile): Uint8Array => {
    size += tarBytes(file.bytes.byteLength);
    if (size > BUNDLE_BYTES_MAX) throw fault('BUNDLE_OVERSIZE', `a bundle has at most ${BUNDLE_BYTES_MAX} bytes`);
    lines.push(manifestLine(createHash('sha256').update(file.bytes).digest('hex'), file.name));
    return tarEntry(file);
  };
  yield packed({ name: QUERY, bytes: questionBytes(question) });
  yield packed({ name: STATE, bytes: state });
  yield packed(text(HOW_TO, howTo(question, receipts.files.length > 0)));
  const keys = new Set([...facts.map(({ author }) => author), question.by, ...receipts.witnesses, ...known.witnesses]);
  for (const key of [...keys].sort()) yield packed(text(keyFile(key), publicKeyPem(key)));
  for await (const files of entryFiles(ports.ledger, contents)) yield Buffer.concat(files.map(packed));
  for (const file of [...receipts.files, ...known.files]) yield packed(file);
  const manifest = Buffer.from(lines.join(''));
  yield tarEntry({ name: MANIFEST, bytes: manifest });
  yield tarEntry({ name: MANIFEST_SIGNATURE, bytes: ports.sign(manifest) });
  yield TAR_END;
};

/** The entries in the order in which they came to the node, read from its journal, some at a time. */
const entryFiles = async function* (
  ledger: Pick<Ledger, 'follow'>,
  { facts, bodies, erased }: Contents,
): AsyncGenerator<readonly TarFile[]> {
  const open = new Map(nameEntries(facts));
  for (let cursor = 0; open.size > 0;) {
    const held = await ledger.follow(cursor, LEDGER_FOLLOW_ENTRIES_MAX, 'stored');
    const last = held.at(-1);
    if (last === undefined)
      throw fault('BUNDLE_ENTRY_MISSING', `${open.size} entries cannot be read any more`, {
        hint: 'look at get status; the node asks its peers for what is damaged: export again in a moment',
      });
    cursor = last.cursor + 1;
    const files: TarFile[] = [];
    for (const { entry } of held) {
      const name = open.get(entry.hash);
      if (name === undefined) continue;
      open.delete(entry.hash);
      const stem = entryStem(name);
      const { header, signature, body } = entry.raw;
      files.push({ name: `${stem}.json`, bytes: header }, { name: `${stem}.sig`, bytes: signature });
      const given = entry.bodiless === true ? bodies.get(entry.hash) : body;
      if (given !== undefined) files.push({ name: `${stem}.body`, bytes: given });
      else if (!erased.has(entry.hash)) throw goneMeanwhile(entry.hash);
    }
    yield files;
  }
};
