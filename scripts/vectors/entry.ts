import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canonicalBytes } from '../../src/codec/canonical.ts';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { Entry, RawEntry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { type EntryDraft, makeEntry } from '../../src/entry/make.ts';

/**
 * Makes fixtures/entry/v1/{valid,invalid}.txt, always the same bytes: `node scripts/vectors/entry.ts`. A line is RESULT
 * tab HEADER tab SIGNATURE (base64) tab BODY; a piece that is no single line of text is `hex:` and digits. RESULT is
 * the entry's hash, or the code with which it is refused. The comment above a line says why.
 */
export interface Vector {
  readonly reason: string;
  readonly result: string;
  readonly raw: RawEntry;
}

const keyOf = (byte: number): SigningKey => signingKeyFromSeed(new Uint8Array(32).fill(byte));
const ALICE = keyOf(1);
const BOB = keyOf(2);
const SALT = Uint8Array.from({ length: 16 }, (_, at) => at);
/** 2021-04-02T18:31:46.802694Z */
const TIME = 1_617_388_306_802_694;

const GENESIS = makeEntry(ALICE, {
  net: '',
  seq: 1,
  prev: null,
  parents: [],
  time: TIME,
  cap: null,
  op: 'genesis',
  type: null,
  id: null,
  replaces: null,
  content: { v: 1, name: 'demo', admission: 'open', roots: [ALICE.author] },
  salt: SALT,
});

const INSERT: EntryDraft = {
  net: GENESIS.hash,
  seq: 2,
  prev: GENESIS.hash,
  parents: [],
  time: TIME + 1,
  cap: GENESIS.hash,
  op: 'insert',
  type: 'cluster',
  id: '2436e8aeeee5f0b0d9a55aa8de396cc2',
  replaces: null,
  content: { cluster: { company: 'acme', dbms: 'plant', name: 'cluster1' } },
  salt: SALT,
};

const make = (key: SigningKey, change: Partial<EntryDraft>): Entry => makeEntry(key, { ...INSERT, ...change });
const valid = (reason: string, { hash, raw }: Entry): Vector => ({ reason, result: hash, raw });

export const validVectors = (): readonly Vector[] => {
  const insert = make(ALICE, {});
  const first = make(BOB, { seq: 1, prev: null, parents: [insert.hash], time: TIME + 2 });
  const sixteen = Array.from({ length: 16 }, (_, at) => sha256Hex(String(at)));
  return [
    valid('the first entry of a network', GENESIS),
    valid('an insert that follows it', insert),
    valid('the first entry of another author, after that insert', first),
    valid(
      'an update that names the entry it replaces',
      make(ALICE, { op: 'update', seq: 3, prev: insert.hash, replaces: insert.hash }),
    ),
    valid(
      'an update that ends a conflict names both',
      make(ALICE, { op: 'update', replaces: [insert.hash, first.hash] }),
    ),
    valid('a delete', make(ALICE, { op: 'delete', content: {}, replaces: insert.hash })),
    valid('an op of a later version', make(ALICE, { op: 'receipt-2', type: null, id: null, content: { seen: [] } })),
    valid('16 parents', make(BOB, { parents: sixteen })),
    valid(
      'text beyond ASCII, names that look like numbers, numbers in canonical form',
      make(ALICE, {
        id: 'Straße 9 – 電力 🙂',
        content: { '10': 1, '9': 1e21, a: 0.1, é: '\u2028\ud83d\ude00', z: -1.5e-7 },
      }),
    ),
    valid(
      'names that mean something to JavaScript',
      make(ALICE, {
        content: JSON.parse('{"__proto__":{"constructor":1},"toString":null}') as JsonObject,
      }),
    ),
    valid('content nested as deep as it may be', make(ALICE, { content: { a: nested(30) } })),
    valid('the largest seq and time', make(ALICE, { seq: Number.MAX_SAFE_INTEGER, time: Number.MAX_SAFE_INTEGER })),
  ];
};

/** Arrays in one another, `depth` of them. */
const nested = (depth: number): JsonValue => (depth === 1 ? [] : [nested(depth - 1)]);

const sign = (header: Uint8Array, body: Uint8Array, key = ALICE): RawEntry => ({
  header,
  body,
  signature: signWith(key, header),
});
const text = (value: string): Uint8Array => Buffer.from(value);

/** An entry whose header is changed and then signed. */
const withHeader = (change: Record<string, JsonValue | undefined>, entry = make(ALICE, {})): RawEntry => {
  const fields: Record<string, JsonValue> = { ...(JSON.parse(Buffer.from(entry.raw.header).toString()) as JsonObject) };
  for (const [name, value] of Object.entries(change)) {
    if (value === undefined) Reflect.deleteProperty(fields, name);
    else fields[name] = value;
  }
  return sign(canonicalBytes(fields), entry.raw.body);
};

/** An entry with a body that its header names. */
const withBody = (body: Uint8Array, entry = make(ALICE, {})): RawEntry => {
  const header = { ...entry.header, replaces: null, parents: [], body: sha256Hex(body) };
  return sign(canonicalBytes({ ...header }), body);
};

const sizes = (): readonly Vector[] => {
  const { raw } = make(ALICE, {});
  const long = 'x'.repeat(65_536);
  return [
    {
      reason: 'a header above 8,192 bytes',
      result: 'ENTRY_HEADER_OVERSIZE',
      raw: withHeader({ id: 'x'.repeat(8_192) }),
    },
    {
      reason: 'a body above 65,536 bytes',
      result: 'ENTRY_BODY_OVERSIZE',
      raw: withBody(canonicalBytes({ content: { long }, salt: '0'.repeat(32) })),
    },
    {
      reason: 'a signature of 63 bytes',
      result: 'ENTRY_SIGNATURE_LENGTH',
      raw: { ...raw, signature: raw.signature.subarray(1) },
    },
    { reason: 'no signature', result: 'ENTRY_SIGNATURE_LENGTH', raw: { ...raw, signature: new Uint8Array() } },
  ];
};

const forms = (): readonly Vector[] => {
  const { raw } = make(ALICE, {});
  const header = Buffer.from(raw.header).toString();
  const signed = (changed: string): RawEntry => sign(text(changed), raw.body);
  const canonical = 'ENTRY_NOT_CANONICAL';
  return [
    { reason: 'no header', result: 'ENTRY_MALFORMED', raw: signed('') },
    {
      reason: 'not UTF-8',
      result: 'ENTRY_MALFORMED',
      raw: sign(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), raw.body),
    },
    { reason: 'not JSON', result: 'ENTRY_MALFORMED', raw: signed(header.slice(0, -1)) },
    { reason: 'a byte order mark', result: 'ENTRY_MALFORMED', raw: signed(`\ufeff${header}`) },
    { reason: 'a space', result: canonical, raw: signed(header.replace('":', '": ')) },
    { reason: 'a newline at the end', result: canonical, raw: signed(`${header}\n`) },
    { reason: 'a name twice', result: canonical, raw: signed(header.replace('"seq":2', '"seq":1,"seq":2')) },
    {
      reason: 'names out of order',
      result: canonical,
      raw: signed(header.replace(',"v":1}', '}').replace('{', '{"v":1,')),
    },
    {
      reason: 'a number with a fraction of zero',
      result: canonical,
      raw: signed(header.replace('"seq":2', '"seq":2.0')),
    },
    {
      reason: 'a number beyond 2^53',
      result: canonical,
      raw: signed(header.replace(/"time":\d+/, '"time":9007199254740993')),
    },
    {
      reason: 'an escape that is not needed',
      result: canonical,
      raw: signed(header.replace('cluster', '\\u0063luster')),
    },
    { reason: 'a lone surrogate', result: canonical, raw: signed(header.replace('"cluster"', '"\\ud800"')) },
    { reason: 'a header nested too deep', result: 'ENTRY_TOO_DEEP', raw: signed('['.repeat(33) + ']'.repeat(33)) },
    { reason: 'a header nested far too deep', result: 'ENTRY_TOO_DEEP', raw: signed('['.repeat(8_000)) },
    { reason: 'a body that is not JSON', result: 'ENTRY_MALFORMED', raw: withBody(text('{')) },
    {
      reason: 'a body with a space',
      result: canonical,
      raw: withBody(text('{"content":{}, "salt":"00000000000000000000000000000000"}')),
    },
    {
      reason: 'a body nested too deep',
      result: 'ENTRY_TOO_DEEP',
      raw: withBody(canonicalBytes({ content: { a: nested(31) }, salt: '0'.repeat(32) })),
    },
  ];
};

const fields = (): readonly Vector[] => {
  const hash = sha256Hex('');
  const cases: readonly (readonly [string, Record<string, JsonValue | undefined>])[] = [
    ['a field that is missing', { cap: undefined }],
    ['a field too many', { extra: 1 }],
    ['v as text', { v: '1' }],
    ['net of another form', { net: 'demo' }],
    ['net empty, and no genesis', { net: '' }],
    ['author in upper case', { author: ALICE.author.toUpperCase() }],
    ['author cut off', { author: ALICE.author.slice(1) }],
    ['seq 0', { seq: 0, prev: null }],
    ['seq with a fraction', { seq: 1.5 }],
    ['seq below zero', { seq: -1 }],
    ['prev at seq 1', { seq: 1 }],
    ['no prev at seq 2', { prev: null }],
    ['17 parents', { parents: Array.from({ length: 17 }, (_, at) => sha256Hex(String(at))).sort() }],
    ['parents out of order', { parents: [sha256Hex('a'), sha256Hex('b')].sort().reverse() }],
    ['a parent twice', { parents: [hash, hash] }],
    ['time before 1970', { time: -1 }],
    ['time as text', { time: '2021' }],
    ['no cap', { cap: null }],
    ['op in upper case', { op: 'Insert' }],
    ['op empty', { op: '' }],
    ['op too long', { op: 'x'.repeat(33) }],
    ['type empty', { type: '' }],
    ['type with a newline', { type: 'a\nb' }],
    ['id with NUL', { id: 'a\u0000' }],
    ['id too long', { id: 'x'.repeat(257) }],
    ['id as a number', { id: 7 }],
    ['replaces of one in a list', { replaces: [hash] }],
    ['replaces out of order', { replaces: [sha256Hex('a'), sha256Hex('b')].sort().reverse() }],
    ['body of another form', { body: 'x' }],
    ['genesis of a network', { op: 'genesis' }],
  ];
  return cases.map(([reason, change]) => ({ reason, result: 'ENTRY_SCHEMA', raw: withHeader(change) }));
};

const others = (): readonly Vector[] => {
  const { raw } = make(ALICE, {});
  const salt = '0'.repeat(32);
  const schema = 'ENTRY_SCHEMA';
  const genesis = (change: Record<string, JsonValue>): RawEntry => withHeader(change, GENESIS);
  const genesisBody = (content: JsonValue): RawEntry => withBody(canonicalBytes({ content, salt }), GENESIS);
  return [
    { reason: 'a header that is a list', result: schema, raw: sign(text('[]'), raw.body) },
    { reason: 'a header that is null', result: schema, raw: sign(text('null'), raw.body) },
    {
      reason: 'a version that does not exist yet',
      result: 'ENTRY_VERSION_UNKNOWN',
      raw: withHeader({ v: 2, more: true }),
    },
    {
      reason: 'another body',
      result: 'ENTRY_BODY_MISMATCH',
      raw: { ...raw, body: canonicalBytes({ content: {}, salt }) },
    },
    { reason: 'no body', result: 'ENTRY_BODY_MISMATCH', raw: { ...raw, body: new Uint8Array() } },
    { reason: 'a body without salt', result: schema, raw: withBody(canonicalBytes({ content: {} })) },
    { reason: 'a salt that is too short', result: schema, raw: withBody(canonicalBytes({ content: {}, salt: '00' })) },
    { reason: 'content that is a list', result: schema, raw: withBody(canonicalBytes({ content: [], salt })) },
    {
      reason: 'a body with a field too many',
      result: schema,
      raw: withBody(canonicalBytes({ content: {}, more: 1, salt })),
    },
    { reason: 'genesis with a network', result: schema, raw: genesis({ net: GENESIS.hash }) },
    { reason: 'genesis at seq 2', result: schema, raw: genesis({ seq: 2, prev: GENESIS.hash }) },
    { reason: 'genesis with a parent', result: schema, raw: genesis({ parents: [GENESIS.hash] }) },
    { reason: 'genesis with a cap', result: schema, raw: genesis({ cap: GENESIS.hash }) },
    {
      reason: 'genesis of an admission that does not exist',
      result: schema,
      raw: genesisBody({ v: 1, name: 'demo', admission: 'all', roots: [ALICE.author] }),
    },
    {
      reason: 'genesis without a root',
      result: schema,
      raw: genesisBody({ v: 1, name: 'demo', admission: 'open', roots: [] }),
    },
    { reason: 'signed by somebody else', result: 'ENTRY_SIGNATURE_BAD', raw: sign(raw.header, raw.body, BOB) },
    {
      reason: 'one bit of the signature flipped',
      result: 'ENTRY_SIGNATURE_BAD',
      raw: { ...raw, signature: flipped(raw.signature) },
    },
    {
      reason: 'S of the signature plus the group order',
      result: 'ENTRY_SIGNATURE_BAD',
      raw: { ...raw, signature: plusOrder(raw.signature) },
    },
    {
      reason: 'a key of small order, which some verifiers accept with this signature',
      result: 'ENTRY_SIGNATURE_BAD',
      raw: bySmallOrderKey(),
    },
  ];
};

const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, at) => (at === 5 ? byte ^ 1 : byte));

const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

const plusOrder = (signature: Uint8Array): Uint8Array => {
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + ORDER;
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()]);
};

const bySmallOrderKey = (): RawEntry => {
  const identity = `01${'00'.repeat(31)}`;
  const { header, body } = withHeader({ author: identity });
  return { header, body, signature: Buffer.from(identity + '00'.repeat(32), 'hex') };
};

export const invalidVectors = (): readonly Vector[] => [...sizes(), ...forms(), ...fields(), ...others()];

const pieceText = (piece: Uint8Array): string => {
  const plain = Buffer.from(piece).toString();
  const isPlain =
    /^[^\t\n\r\ufeff\ufffd]+$/.test(plain) && !plain.startsWith('hex:') && Buffer.from(plain).equals(piece);
  return isPlain ? plain : `hex:${Buffer.from(piece).toString('hex')}`;
};

const pieceBytes = (piece: string): Uint8Array =>
  piece.startsWith('hex:') ? Buffer.from(piece.slice(4), 'hex') : Buffer.from(piece);

export const formatVectors = (vectors: readonly Vector[]): string =>
  vectors
    .map(({ reason, result, raw: { header, signature, body } }) => {
      const base64 = Buffer.from(signature).toString('base64');
      return `# ${reason}\n${result}\t${pieceText(header)}\t${base64}\t${pieceText(body)}\n`;
    })
    .join('');

export const parseVectors = (file: string): readonly Vector[] => {
  const vectors: Vector[] = [];
  let reason = '';
  for (const line of file.split('\n')) {
    if (line.startsWith('# ')) reason = line.slice(2);
    else if (line !== '') {
      const [result = '', header = '', signature = '', body = ''] = line.split('\t');
      const raw = { header: pieceBytes(header), signature: Buffer.from(signature, 'base64'), body: pieceBytes(body) };
      vectors.push({ reason, result, raw });
    }
  }
  return vectors;
};

export const vectorFile = (name: 'valid' | 'invalid'): string =>
  fileURLToPath(new URL(`../../fixtures/entry/v1/${name}.txt`, import.meta.url));

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(dirname(vectorFile('valid')), { recursive: true });
  writeFileSync(vectorFile('valid'), formatVectors(validVectors()));
  writeFileSync(vectorFile('invalid'), formatVectors(invalidVectors()));
}
