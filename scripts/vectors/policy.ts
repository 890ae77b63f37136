import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { atOnce } from '../../src/base/slices.ts';
import { canonicalJson } from '../../src/codec/canonical.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { frontierOf } from '../../src/policy/closure.ts';
import { createFold } from '../../src/policy/fold.ts';
import { frontierText, readFrontier } from '../../src/policy/moment.ts';
import { type Chronicle, pastAt } from '../../src/policy/past.ts';
import { originLeaves } from '../../src/policy/state-root.ts';

/**
 * Writes the vectors of `src/policy/SPEC.md`: entries, one a line, and what frontiers of them give:
 * `node scripts/vectors/policy.ts`. The same bytes each time; a new version of the page gets a new directory.
 */
const dir = fileURLToPath(new URL('../../fixtures/policy/v1', import.meta.url));

const keys = [1, 2, 3].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte)));
const entries: Entry[] = [];
let time = 1_767_225_600_000_000;

interface Deed {
  /** Number of the author, from 0. */
  readonly by: number;
  /** The author's entry before; default: its last one. */
  readonly after?: Entry;
  readonly parents?: readonly Entry[];
  readonly op: string;
  readonly type: string | null;
  readonly id: string | null;
  readonly replaces?: Entry;
  readonly content?: JsonObject;
}

const write = ({ by, after, parents = [], op, type, id, replaces, content = {} }: Deed): Entry => {
  const key = keys[by];
  if (key === undefined) throw new Error(`no author ${by}`);
  const before = after ?? entries.findLast(({ header }) => header.author === key.author);
  const [genesis] = entries;
  const entry = makeEntry(key, {
    net: genesis?.hash ?? '',
    seq: (before?.header.seq ?? 0) + 1,
    prev: before?.hash ?? null,
    parents: parents.map(({ hash }) => hash).sort(),
    time: (time += 1_000),
    cap: genesis?.hash ?? null,
    op,
    type,
    id,
    replaces: replaces?.hash ?? null,
    content,
    salt: new Uint8Array(16).fill(entries.length),
  });
  entries.push(entry);
  return entry;
};

const genesis = write({
  by: 0,
  op: 'genesis',
  type: null,
  id: null,
  content: { v: 1, name: 'vectors', admission: 'open', roots: [keys[0]?.author ?? ''] },
});
write({ by: 0, op: 'insert', type: 'cluster', id: 'c1', content: { company: 'Acme', name: 'plant-1' } });
const site = write({ by: 0, op: 'insert', type: 'site', id: 's1', content: { name: 'one', place: { city: 'Oslo' } } });
const operator = (port: number): JsonObject => ({ cluster: 'c1', ip: '10.0.0.1', port, member: 7 });
const seen = [site];
write({ by: 1, parents: [genesis, ...seen], op: 'insert', type: 'operator', id: 'o1', content: operator(1) });
write({ by: 0, op: 'insert', type: 'operator', id: 'o2', content: operator(2) });
write({ by: 0, op: 'insert', type: 'operator', id: 'o3', content: operator(1) });
write({ by: 0, op: 'update', type: 'site', id: 's1', replaces: site, content: { name: 'left', note: null } });
const right = write({
  by: 1,
  op: 'update',
  type: 'site',
  id: 's1',
  replaces: site,
  content: { place: { city: 'Bergen' } },
});
write({
  by: 1,
  op: 'update',
  type: 'site',
  id: 's1',
  replaces: right,
  content: { place: { city: 'Bergen' }, size: 2 },
});
const third = write({ by: 2, parents: [right], op: 'insert', type: 'site', id: 'å', content: { name: 'third' } });
const branch = write({ by: 2, op: 'update', type: 'site', id: 'å', replaces: third, content: { name: 'branch a' } });
write({ by: 0, parents: [branch], op: 'delete', type: 'operator', id: 'o1', content: {} });
write({ by: 2, after: third, op: 'update', type: 'site', id: 'å', replaces: third, content: { name: 'branch b' } });

const fold = createFold();
fold.add(entries);
const chronicle: Chronicle = {
  facts: () => fold.facts(),
  fact: (hash) => fold.fact(hash),
  receivedMs: () => undefined,
};
const frontiers = [...entries.map(({ hash }) => hash), frontierText(atOnce(frontierOf(fold.facts())))];
const expected = frontiers.map((frontier) => {
  const moment = readFrontier(frontier);
  if (moment === undefined) throw new Error(`no frontier: ${frontier}`);
  const { book, entries: count, root } = atOnce(pastAt(chronicle, moment));
  const leaves = atOnce(originLeaves(book)).map(canonicalJson);
  return { frontier, entries: count, root, leaves };
});

const line = ({ raw }: Entry): string =>
  [raw.header, Buffer.from(raw.signature).toString('base64'), raw.body]
    .map((piece) => (typeof piece === 'string' ? piece : Buffer.from(piece).toString()))
    .join('\t');
mkdirSync(dir, { recursive: true });
writeFileSync(`${dir}/entries.txt`, `${entries.map(line).join('\n')}\n`);
writeFileSync(`${dir}/states.json`, `${JSON.stringify(expected, undefined, 1)}\n`);
