import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCanonical } from '../../../src/codec/canonical.ts';
import { verifySignature } from '../../../src/entry/keys.ts';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const REPEAT = `HOLDFAST_SEED=${SEED}`;
const DIR = fileURLToPath(new URL('../../../scripts/audit', import.meta.url));
const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;

/** What a program prints that has `basics.py` and reads one JSON value. */
const inPython = (program: string, input: unknown): unknown => {
  const { stdout, stderr } = spawnSync('python3', ['-Bc', program], {
    input: JSON.stringify(input),
    encoding: 'utf8',
    env: { ...process.env, PYTHONPATH: DIR },
  });
  expect(stderr, REPEAT).toBe('');
  return JSON.parse(stdout);
};

const isTaken = (text: string): boolean => {
  try {
    parseCanonical(Buffer.from(text));
    return true;
  } catch {
    return false;
  }
};

const TAKES = `
import json, sys
from basics import parse
def takes(text):
    try:
        parse(text.encode())
        return True
    except (ValueError, RecursionError):
        return False
print(json.dumps([takes(text) for text in json.load(sys.stdin)]))`;

const VERIFIES = `
import json, sys
from basics import verify
print(json.dumps([verify(key, b'hello', bytes.fromhex(signature)) for key, signature in json.load(sys.stdin)]))`;

const CHAINS = `
import json, sys
from types import SimpleNamespace
from authority import Authority
length = json.load(sys.stdin)
given = {'v': 1, 'key': 'ab' * 32, 'roles': ['admin'], 'scope': {}, 'grants': True}
genesis = SimpleNamespace(hash='0' * 64, op='genesis', content={'roots': ['ef' * 32], 'admission': 'invite'})
def grant(at, cap, more):
    return SimpleNamespace(hash='%064d' % at, op='grant', author='ab' * 32, seq=at, cap='%064d' % cap, order=(at, '', at), content={**given, **more})
replacing = [grant(at, 0, {'replaces': {'grant': '%064d' % (at - 1), 'from': 1}}) for at in range(1, length)]
citing = [grant(at, at - 1, {}) for at in range(1, length)]
print(json.dumps([
    len(Authority(replacing, genesis, {}).rights(replacing[-1])['former']),
    Authority(citing, genesis, {}).holds(citing[-1]),
]))`;

/** Whom a grant stands in for that replaces a join which cites a rotation, and so is none. */
const REPLACED = `
import json, sys
from types import SimpleNamespace
from authority import Authority
key = {name: name * 32 for name in ('aa', 'bb', 'cc', 'dd', 'ee')}
genesis = SimpleNamespace(hash='0' * 64, op='genesis', content={'roots': [key['aa']], 'admission': 'invite'})
def act(at, op, author, cap, content):
    return SimpleNamespace(hash='%064d' % at, op=op, author=key[author], seq=1, cap='%064d' % cap, order=(at, '', at), content={'v': 1, **content})
given = {'roles': ['operator'], 'scope': {}, 'grants': True}
acts = [
    act(1, 'grant', 'aa', 0, {**given, 'key': key['bb']}),
    act(2, 'rotate', 'bb', 1, {'key': key['cc'], 'proof': '00' * 64}),
    act(3, 'join', 'dd', 2, {'proof': '00' * 64}),
    act(4, 'grant', 'aa', 0, {**given, 'key': key['ee'], 'replaces': {'grant': '%064d' % 3, 'from': 1}}),
]
print(json.dumps(Authority(acts, genesis, {}).rights(acts[-1])['former']))`;

/** A number in some ways of writing it, one of them the canonical one. */
const spellings = (value: number, digits: number): readonly string[] => [
  JSON.stringify(value),
  value.toExponential(digits),
  value.toFixed(digits),
  value.toPrecision(digits + 1),
  `${JSON.stringify(value)}0`,
  `${JSON.stringify(value)}.0`,
];

describe.skipIf(!PYTHON)('the second implementation, in Python (skipped where there is none)', () => {
  test('takes the same JSON for canonical: numbers as JavaScript writes them, no deeper than 32', () => {
    const drawn = fc
      .sample(
        fc.oneof(
          fc.tuple(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.integer({ min: 0, max: 20 })),
          fc.tuple(
            fc.integer({ min: -(2 ** 31), max: 2 ** 31 }).map((whole) => whole / 1_000),
            fc.constant(3),
          ),
          fc.tuple(
            fc.maxSafeInteger().map((whole) => whole * 1_000),
            fc.constant(0),
          ),
        ),
        { seed: SEED, numRuns: 2_000 },
      )
      .flatMap(([value, digits]) => spellings(value, digits));
    const known = [
      '0',
      '-0',
      '1e21',
      '1e+21',
      '1e-7',
      '0.000001',
      '12345678901234567890',
      '12345678901234567000',
      '1e400',
    ];
    const deep = [32, 33, 2_000].map((depth) => '['.repeat(depth) + ']'.repeat(depth));
    const texts = [...known, ...deep, ...drawn];
    const theirs = inPython(TAKES, texts) as readonly boolean[];
    const ours = texts.map(isTaken);
    expect(
      texts.filter((_, at) => ours[at] !== theirs[at]),
      REPEAT,
    ).toEqual([]);
    expect(ours.filter(Boolean).length).toBeGreaterThan(2_000);
  });

  test('follows void chains of grants of any length', () => {
    expect(inPython(CHAINS, 6_000)).toEqual([5_998, false]);
  });

  test('a join that cites a rotation hands on nothing, as nodes have it', () => {
    const stood = ['bb', 'cc', 'dd'].map((each) => each.repeat(32));
    expect(inPython(REPLACED, null)).toEqual(stood.slice(2));
  });

  test('takes the same signatures: also of a key that is a point of the group and one of order 8', () => {
    // Digests that are and that are not a multiple of 8.
    const mixed = 'ef2a32ce8d9c67056724a53f63c0c182a6e021dc6e708741f63a7d50c730982c';
    const signatures = [
      'c0f1225584444ec730446e231390781ffdd2f256e9fcbeb2f40dddc2c2233d7f3b283724f9efa8d288081a88e5d853a96981227dead8e872fa1270ffa51a4e02',
      'd4b4f5784868c3020403246717ec169ff79e26608ea126a1ab69ee77d1b16712121cd085d8468780903b3fdfdb0e63b1b3d325509b10445e844ce387cc4e490b',
    ].map((signature) => [mixed, signature] as const);
    const ours = signatures.map(([key, signature]) =>
      verifySignature(key, Buffer.from('hello'), Buffer.from(signature, 'hex')),
    );
    expect(ours).toEqual([true, false]);
    expect(inPython(VERIFIES, signatures)).toEqual(ours);
  });
});
