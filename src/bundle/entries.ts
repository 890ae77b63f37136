import { asFault, hasCode } from '../base/errors.ts';
import { parseErasable, signatureHolds } from '../entry/check.ts';
import type { Entry } from '../entry/entry.ts';
import { publicKeyPem } from '../entry/keys.ts';
import { atOnce } from '../base/slices.ts';
import { checkLinks, type Fact as LinkFact, type LinkReport } from '../ledger/audit/links.ts';
import type { Forks } from '../policy/closure.ts';
import { bundleFault } from './faults.ts';
import { entryStem, nameEntries, readEntryName, readKeyName } from './names.ts';

/** An entry of a bundle. */
export interface BundledEntry {
  readonly entry: Entry;
  /** Of its files, without the ending. */
  readonly stem: string;
}

type Files = ReadonlyMap<string, Uint8Array>;

/** Of an entry whose body was erased. */
const NO_BODY = new Uint8Array();

const pieceOf = (files: Files, name: string): Uint8Array => {
  const piece = files.get(name);
  if (piece === undefined) throw bundleFault(name, 'form', 'it is missing');
  return piece;
};

const parsedAt = (files: Files, stem: string): Entry => {
  const [header, signature] = [pieceOf(files, `${stem}.json`), pieceOf(files, `${stem}.sig`)];
  const body = files.get(`${stem}.body`);
  if (body?.byteLength === 0) throw bundleFault(`${stem}.body`, 'body', 'it is empty');
  try {
    return parseErasable({ header, body: body ?? NO_BODY, signature });
  } catch (caught) {
    if (hasCode(caught, 'ENTRY_BODY_MISSING')) throw bundleFault(`${stem}.body`, 'form', 'it is missing');
    const isBody = hasCode(caught, 'ENTRY_BODY_MISMATCH') || hasCode(caught, 'ENTRY_BODY_OVERSIZE');
    throw bundleFault(`${stem}.${isBody ? 'body' : 'json'}`, isBody ? 'body' : 'form', asFault(caught).message);
  }
};

/**
 * Every entry, each alone: form, hash of the body, and that its files are called as they should. In the order of the
 * archive.
 */
export const readEntries = (files: Files): readonly BundledEntry[] => {
  const entries: BundledEntry[] = [];
  for (const file of files.keys()) {
    const name = readEntryName(file);
    if (name === undefined) continue;
    const stem = entryStem(name);
    if (name.piece !== 'json') pieceOf(files, `${stem}.json`);
    else entries.push({ entry: parsedAt(files, stem), stem });
  }
  const names = nameEntries(entries.map(({ entry: { hash, header } }) => ({ hash, ...header })));
  for (const { entry, stem } of entries) {
    const name = names.get(entry.hash);
    const right = name === undefined ? '' : entryStem(name);
    if (right !== stem) throw bundleFault(`${stem}.json`, 'name', `this entry belongs into ${right}.json`);
  }
  return entries;
};

/** Each author's key, and those of others who sign, as a file of the right content; no others. */
export const checkKeys = (files: Files, entries: readonly BundledEntry[], others: readonly string[]): void => {
  const needed = new Set([...entries.map(({ entry }) => entry.header.author), ...others]);
  for (const [file, bytes] of files) {
    const key = readKeyName(file);
    if (key === undefined) continue;
    if (!needed.delete(key)) throw bundleFault(file, 'key', 'nobody in the bundle has this key');
    if (Buffer.from(bytes).toString('latin1') !== publicKeyPem(key))
      throw bundleFault(file, 'key', 'it is not the key in its name');
  }
  const [missing] = needed;
  if (missing !== undefined) throw bundleFault(`keys/${missing}.pem`, 'key', 'it is missing');
};

/** All entries with one another: signatures, network, logs, links, times. Throws the first fault. */
export const checkLedger = (
  entries: readonly BundledEntry[],
  forks: Forks,
  network: string,
): LinkReport & { readonly signatures: number } => {
  const facts = new Map<string, LinkFact>();
  const stems = new Map<string, string>();
  let signatures = 0;
  for (const { entry, stem } of entries) {
    const { hash, header } = entry;
    const { author, seq, prev, parents, time, op, net } = header;
    const isSigned = signatureHolds(entry);
    if (isSigned) signatures += 1;
    facts.set(hash, { hash, author, seq, prev, parents, time, isSigned, net: op === 'genesis' ? hash : net });
    stems.set(hash, stem);
  }
  const report = atOnce(checkLinks(facts, forks, network));
  const [first] = report.faults;
  if (first === undefined) return { ...report, signatures };
  const stem = stems.get(first.hash ?? '') ?? entryStem({ seq: first.seq ?? 1, author: first.author ?? '', rank: 1 });
  throw bundleFault(`${stem}.${first.rule === 'signature' ? 'sig' : 'json'}`, first.rule, first.text);
};
