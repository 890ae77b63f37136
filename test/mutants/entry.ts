import type { Mutant } from './mutant.ts';

export const entry: readonly Mutant[] = [
  {
    name: 'canonical form is not demanded',
    file: 'src/codec/canonical.ts',
    from: 'if (canonicalJson(value) !== text) throw',
    to: 'if (canonicalJson(value) === text) throw',
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'JSON may be nested twice as deep',
    file: 'src/codec/canonical.ts',
    from: 'if (jsonDepth(text) > JSON_DEPTH_MAX)',
    to: 'if (jsonDepth(text) > 2 * JSON_DEPTH_MAX)',
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'hash of the body is not compared',
    file: 'src/entry/check.ts',
    from: 'if (got !== header.body)',
    to: "if (got === '')",
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'signature is not checked',
    file: 'src/entry/check.ts',
    from: '  signatures.hold(entry.header.author,',
    to: "  entry.hash !== '' || signatures.hold(entry.header.author,",
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'body may be larger',
    file: 'src/entry/check.ts',
    from: 'if (raw.body.byteLength > ENTRY_BODY_BYTES_MAX)',
    to: 'if (raw.body.byteLength > 2 * ENTRY_BODY_BYTES_MAX)',
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'parent may stand twice',
    file: 'src/codec/fields.ts',
    from: "(list[at - 1] ?? '') < each",
    to: "(list[at - 1] ?? '') <= each",
    tests: ['test/property/entry.property.test.ts', 'test/unit/entry/vectors.test.ts', 'test/unit/entry/make.test.ts'],
  },
  {
    name: 'clock does not pass its own last entry',
    file: 'src/entry/time.ts',
    from: '(ownLast ?? -1) + 1,',
    to: 'ownLast ?? -1,',
    tests: ['test/unit/entry/time.test.ts'],
  },
  {
    name: 'leaf and node of a tree hash alike',
    file: 'src/codec/merkle.ts',
    from: 'sha256(LEAF, leaf)',
    to: 'sha256(leaf)',
    tests: ['test/unit/receipt/merkle.test.ts'],
  },
  {
    name: 'older root of a consistency proof is not compared',
    file: 'src/codec/merkle.ts',
    from: 'return oldRoot.equals(older.root) && newRoot.equals(newer.root);',
    to: 'return newRoot.equals(newer.root);',
    tests: ['test/unit/receipt/merkle.test.ts', 'test/property/receipts.property.test.ts'],
  },
];
