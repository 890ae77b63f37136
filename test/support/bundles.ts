import { factsIn } from '../../src/bundle/erased.ts';
import { exportBundle, type ExportPorts } from '../../src/bundle/export.ts';
import type { ReceiptSource } from '../../src/bundle/gather-receipts.ts';
import { atOnce } from '../../src/base/slices.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import { readTar, TAR_END, tarEntry, type TarFile } from '../../src/codec/tar.ts';
import { type Entry, compareEntries } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { frontierOf } from '../../src/policy/closure.ts';
import type { Question } from '../../src/bundle/question.ts';
import {
  type Checkpoint,
  cosign,
  readCheckpoint,
  readCosignatureLine,
  signCheckpoint,
  withCosignatures,
} from '../../src/receipt/checkpoint.ts';
import { MemoryTree } from '../../src/receipt/memory-tree.ts';
import { rootAt } from '../../src/receipt/tree.ts';
import { type HistoryWorld, hostileHistory, INVITE_KEYS, NEXT_KEYS, type PolicyHabits } from './authority-histories.ts';
import { authorKey, type EntrySketch } from './policy-entries.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type RevokedErasure, revokedErasure } from './revoked-erasure.ts';
import { snapshotHistory } from './snapshot-histories.ts';

/** The pair of keys that a letter stands for. */
const keyOf = (letter: string): SigningKey => signingKeyFromSeed(Buffer.alloc(32, `holdfast ${letter}`));

const LETTERS = ['0', 'a', 'b', 'c', 'd', 'e'];
const ROOT = keyOf('0');
/** Exports bundles, and writes nothing. */
const EXPORTER = keyOf('exporter');

/** Makes and signs entries, each linked to its author's one before. */
class Scribe {
  readonly keys: ReadonlyMap<string, SigningKey>;
  readonly #last = new Map<string, Entry>();
  #made = 0;

  constructor(keys: readonly SigningKey[]) {
    this.keys = new Map(keys.map((key) => [key.author, key]));
  }

  write(sketch: EntrySketch & { readonly author: string }): Entry {
    const key = this.keys.get(sketch.author)!;
    const before = sketch.prev === undefined ? (this.#last.get(key.author)?.hash ?? null) : sketch.prev;
    this.#made += 1;
    const { seq = 1, time = 0, content = {}, parents = [], net = '', cap = null, op = 'insert' } = sketch;
    const { type = null, id = null, replaces = null } = sketch;
    const salt = Buffer.alloc(16, this.#made);
    const entry = makeEntry(key, { seq, time, content, parents, net, cap, op, type, id, replaces, salt, prev: before });
    this.#last.set(key.author, entry);
    return entry;
  }
}

/** A history of `authority-histories.ts` with real keys, signatures and logs. */
export const signedHostileHistory = (
  random: SeededRandom,
  steps: number,
  policies?: PolicyHabits,
): readonly Entry[] => {
  const keys = [...LETTERS.map(keyOf), ...NEXT_KEYS];
  const scribe = new Scribe([...keys, ...INVITE_KEYS]);
  const world: HistoryWorld = {
    keys: keys.map(({ author }) => author),
    make: (sketch) => scribe.write(sketch),
    step: 1,
    ...(policies === undefined ? {} : { policies }),
  };
  return hostileHistory(random, steps, world);
};

/** A history of `snapshot-histories.ts` with real keys and signatures. */
export const signedSnapshotHistory = (random: SeededRandom, steps: number): readonly Entry[] => {
  const keys = LETTERS.slice(1).map(keyOf);
  const scribe = new Scribe(keys);
  const world = { keys: keys.map(({ author }) => author), make: scribe.write.bind(scribe), erases: 0.1 };
  return snapshotHistory(random, steps, world).entries;
};

/** The history of `revoked-erasure.ts` with real keys and signatures. */
export const signedRevokedErasure = (): RevokedErasure => {
  const keys = LETTERS.map(keyOf);
  const scribe = new Scribe(keys);
  return revokedErasure({ keys: keys.map(({ author }) => author), make: scribe.write.bind(scribe) });
};

const renamed = (value: JsonValue, names: ReadonlyMap<string, string>): JsonValue => {
  if (typeof value === 'string') return names.get(value) ?? value;
  if (Array.isArray(value)) return (value as readonly JsonValue[]).map((item) => renamed(item, names));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, renamed(item, names)]));
};

/**
 * Unsigned entries of `policy-entries.ts`, in the ledger's order, written again with real keys below a genesis entry:
 * whoever stands for `a` is now the key of that letter, and what named an entry names the one that took its place.
 */
export const signedAgain = (entries: readonly Entry[], admission: 'open' | 'invite' = 'open'): readonly Entry[] => {
  const scribe = new Scribe(LETTERS.map(keyOf));
  const names = new Map(LETTERS.map((letter) => [authorKey(letter), keyOf(letter).author]));
  const genesis = scribe.write({
    author: ROOT.author,
    op: 'genesis',
    time: 1_500_000_000_000_000,
    content: { v: 1, name: 'bundles', admission, roots: [ROOT.author] },
  });
  const map = (hash: string): string => names.get(hash) ?? hash;
  const written = [...entries]
    .sort((a, b) => compareEntries(a.header, b.header))
    .map(({ hash, header, content }) => {
      const { author, seq, prev, parents, time, op, type, id, replaces } = header;
      const entry = scribe.write({
        ...{ seq, time, op, type, id },
        author: map(author),
        net: genesis.hash,
        cap: genesis.hash,
        prev: prev === null ? null : map(prev),
        parents: parents.map(map),
        replaces: replaces === null ? null : typeof replaces === 'string' ? map(replaces) : replaces.map(map),
        content: renamed(content, names) as JsonObject,
      });
      names.set(hash, entry.hash);
      return entry;
    });
  return [genesis, ...written];
};

/** Nodes that are registered in {@link witnessedHistory}: the first exports, the others are witnesses. */
export const NODES: readonly SigningKey[] = ['node 1', 'node 2', 'node 3', 'node 4'].map(keyOf);
/** Never registered. */
export const STRANGER: SigningKey = keyOf('stranger');

/**
 * A network of open admission in which each of {@link NODES} has a policy, and a pump that two of them have changed.
 */
export const witnessedHistory = (more = 0): readonly Entry[] => {
  const scribe = new Scribe([ROOT, ...NODES]);
  let time = 1_700_000_000_000_000;
  const seqs = new Map<string, number>();
  const entries: Entry[] = [];
  const write = (author: SigningKey, op: string, sketch: EntrySketch): Entry => {
    const seq = (seqs.get(author.author) ?? 0) + 1;
    seqs.set(author.author, seq);
    time += 1_000_000;
    const net = entries[0]?.hash ?? '';
    const entry = scribe.write({ author: author.author, seq, time, op, net, cap: net === '' ? null : net, ...sketch });
    entries.push(entry);
    return entry;
  };
  write(ROOT, 'genesis', { content: { v: 1, name: 'bundles', admission: 'open', roots: [ROOT.author] } });
  for (const [at, node] of NODES.entries()) {
    const content = { name: `n${at}`, company: 'Acme', ip: `10.0.0.${at + 1}`, port: 32_148, peer: node.author };
    write(node, 'insert', { type: 'query', id: `node${at}`, content });
  }
  let { hash } = write(ROOT, 'insert', { type: 'pump', id: 'pump1', content: { name: 'p1', state: 'off', site: 'a' } });
  for (const [at, state] of ['on', 'off'].entries())
    ({ hash } = write(NODES[at]!, 'update', { id: 'pump1', replaces: hash, content: { state } }));
  for (let at = 0; at < more; at += 1)
    write(NODES[at % NODES.length]!, 'insert', { type: 'site', id: `s${at}`, content: { name: `s${at}` } });
  return entries;
};

/**
 * A checkpoint that the receipts of a test have: of how many entries, and who cosigned it when, in seconds since 1970.
 */
export interface CheckpointSketch {
  readonly size: number;
  readonly cosigned?: readonly (readonly [SigningKey, number])[];
}

/** The receipts of a node that took up entries in their order; the last checkpoint is the newest. */
export const receiptsOf = async (
  entries: readonly Entry[],
  by: SigningKey,
  sketches: readonly CheckpointSketch[],
): Promise<ReceiptSource> => {
  const origin = { network: entries[0]!.hash, node: by.author, incarnation: '0123456789abcdef' };
  const tree = new MemoryTree();
  tree.append(Buffer.from(entries.map(({ hash }) => hash).join(''), 'hex'));
  const checkpoints: Checkpoint[] = [];
  for (const { size, cosigned = [] } of sketches) {
    const signed = readCheckpoint(signCheckpoint(by, origin, { size, root: await rootAt(tree, size) }));
    const lines = cosigned.map(([witness, time]) => cosign(witness, origin, signed.text, time));
    checkpoints.push(
      withCosignatures(
        signed,
        lines.map((line) => readCosignatureLine(signed, line)),
      ),
    );
  }
  return {
    checkpoint: checkpoints.at(-1)!,
    entries: async (from, to) => entries.slice(from, to).map(({ hash }) => hash),
    witnessedFrom: async (size) => checkpoints.find((each) => each.size >= size && each.cosignatures.length > 0),
  };
};

export interface BundleWish {
  readonly id?: string;
  /** Default: everything. */
  readonly moment?: Question['moment'];
  readonly known?: ExportPorts['known'];
  readonly by?: SigningKey;
  readonly receipts?: ReceiptSource;
}

/** A bundle of entries in their order of arrival, as a node that holds them would export it. */
export const bundleOf = async (entries: readonly Entry[], wish: BundleWish = {}): Promise<Buffer> => {
  const by = wish.by ?? EXPORTER;
  const facts = factsIn(entries.map((entry) => ({ entry, stem: '' })));
  const pieces = await exportBundle(
    {
      facts,
      archive: undefined,
      known: wish.known,
      receipts: wish.receipts,
      ledger: {
        byHash: async () => undefined,
        follow: async (cursor) =>
          entries.slice(cursor, cursor + 7).map((entry, at) => ({ entry, cursor: cursor + at, receivedMs: 0 })),
      },
      sign: (manifest) => signWith(by, manifest),
    },
    {
      by: by.author,
      id: wish.id ?? null,
      made: 1_767_225_600_000_000,
      moment: wish.moment ?? { kind: 'frontier', heads: atOnce(frontierOf(facts)) },
      network: entries.find(({ header }) => header.op === 'genesis')!.hash,
    },
  );
  const chunks: Uint8Array[] = [];
  for await (const piece of pieces) chunks.push(piece);
  return Buffer.concat(chunks);
};

/** An archive of files, whatever they are. */
export const archiveOf = (files: readonly TarFile[]): Buffer => Buffer.concat([...files.map(tarEntry), TAR_END]);

/** The bundle with other files, its manifest made and signed again: what only who exports can do. */
export const remade = (archive: Buffer, change: (files: TarFile[]) => TarFile[], key: SigningKey): Buffer => {
  const kept = readTar(archive, 10_000).filter(({ name }) => !name.startsWith('MANIFEST'));
  const files = change(
    kept.map(({ name, bytes }) => {
      if (name !== 'query.json') return { name, bytes };
      const by = Buffer.from(bytes)
        .toString()
        .replace(/"by":"[0-9a-f]{64}"/, `"by":"${key.author}"`);
      return { name, bytes: Buffer.from(by) };
    }),
  );
  const manifest = Buffer.from(files.map(({ name, bytes }) => `${sha256Hex(bytes)}  ${name}\n`).join(''));
  return archiveOf([
    ...files,
    { name: 'MANIFEST', bytes: manifest },
    { name: 'MANIFEST.sig', bytes: signWith(key, manifest) },
  ]);
};
export const ROOT_KEY: string = ROOT.author;
