/** The files of a bundle and their SHA-256 (SPEC §1). */
export const MANIFEST = 'MANIFEST';
/** The signature of the node that exports, over the manifest's bytes. */
export const MANIFEST_SIGNATURE = 'MANIFEST.sig';
/** What was asked (SPEC §3). */
export const QUERY = 'query.json';
/** The answer (SPEC §4). */
export const STATE = 'state.json';
/** How to check a bundle with ordinary tools, for people. */
export const HOW_TO = 'HOWTO.txt';
/** The hashes of entries that the node had (SPEC §5). */
export const RECEIPTS = 'receipts';
/** The node's signed checkpoint of them, with cosignatures. */
export const CHECKPOINT = 'checkpoint';
/** Whose word about it counts, as C2SP tlog-policy. */
export const POLICY = 'policy.txt';
/** The checkpoint of another node, where it was asked what that one had. */
export const KNOWN_CHECKPOINT = 'known/checkpoint';
/** The hashes of entries that the other node had. */
export const KNOWN_RECEIPTS = 'known/receipts';

/** What an entry's three files are called. */
export interface EntryName {
  readonly seq: number;
  readonly author: string;
  /** 1; 2 and so on for further entries with this author and seq, in the order of their hashes. */
  readonly rank: number;
}

/** The ending of an entry's file: header, signature or body. */
export type EntryPiece = 'json' | 'sig' | 'body';

/** The name of an entry's files without their ending. */
export const entryStem = ({ seq, author, rank }: EntryName): string =>
  `entries/${seq}.${author}${rank === 1 ? '' : `-${rank}`}`;

const ENTRY_FILE = /^(entries\/([1-9]\d{0,15})\.([0-9a-f]{64})(?:-([1-9]\d{0,5}))?)\.(json|sig|body)$/;
const KEY_FILE = /^keys\/([0-9a-f]{64})\.pem$/;
const PROOF_FILE = /^proofs\/([0-9a-f]{64})\.tlog-proof$/;

/** The entry that a file belongs to, and as what; undefined for any other file. */
export const readEntryName = (file: string): (EntryName & { readonly piece: EntryPiece }) | undefined => {
  const [, stem, seq, author = '', rank, piece] = ENTRY_FILE.exec(file) ?? [];
  const name = { seq: Number(seq), author, rank: Number(rank ?? 1) };
  return stem === undefined || entryStem(name) !== stem ? undefined : { ...name, piece: piece as EntryPiece };
};

/** The file that holds a public key (64 hex digits), in PEM. */
export const keyFile = (key: string): string => `keys/${key}.pem`;

/** The key that a file should hold; undefined for any other file. */
export const readKeyName = (file: string): string | undefined => KEY_FILE.exec(file)?.[1];

/** The file that proves an entry (its hash) to be in the checkpoint, as C2SP tlog-proof. */
export const proofFile = (entry: string): string => `proofs/${entry}.tlog-proof`;

/** The hash of the entry that a file should prove; undefined for any other file. */
export const readProofName = (file: string): string | undefined => PROOF_FILE.exec(file)?.[1];

/** What stands in the names of an author's entries. */
interface Numbered {
  readonly hash: string;
  readonly author: string;
  readonly seq: number;
}

/** The names of entries by their hashes. */
export const nameEntries = (entries: readonly Numbered[]): ReadonlyMap<string, EntryName> => {
  const names = new Map<string, EntryName>();
  const first = new Map<string, Numbered[]>();
  for (const entry of entries) {
    const key = `${entry.seq}.${entry.author}`;
    const rivals = first.get(key);
    if (rivals === undefined) first.set(key, [entry]);
    else rivals.push(entry);
  }
  for (const rivals of first.values()) {
    if (rivals.length > 1) rivals.sort((a, b) => (a.hash < b.hash ? -1 : 1));
    for (const [at, { hash, author, seq }] of rivals.entries()) names.set(hash, { author, seq, rank: at + 1 });
  }
  return names;
};

/** A line of the manifest, as `sha256sum` writes it. */
export const manifestLine = (sha256: string, file: string): string => `${sha256}  ${file}\n`;
