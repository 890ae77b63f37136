import type { Mutant } from './mutant.ts';

export const receipt: readonly Mutant[] = [
  {
    name: 'signature of a checkpoint is not checked',
    file: 'src/receipt/checkpoint.ts',
    from: 'if (own.length !== 1 || !own.every(({ bytes }) => verifySignature(origin.node, Buffer.from(text), bytes)))',
    to: 'if (own.length !== 1)',
    tests: ['test/unit/receipt/checkpoint.test.ts'],
  },
  {
    name: 'cosignature is not checked',
    file: 'src/receipt/checkpoint.ts',
    from: '    !verifySignature(witness.node, cosignedBytes(text, time), bytes.subarray(TIMESTAMP_BYTES))\n',
    to: '    bytes.byteLength === 0\n',
    tests: ['test/unit/receipt/checkpoint.test.ts'],
  },
  {
    name: 'witness cosigns two trees of one size',
    file: 'src/receipt/witness.ts',
    from: "  if (head.size === last.size && !head.root.equals(last.root)) return 'split';\n",
    to: '',
    tests: [
      'test/unit/receipt/checkpoint.test.ts',
      'test/conformance/receipts.test.ts',
      'test/property/receipts.property.test.ts',
    ],
  },
  {
    name: 'witness does not ask for a proof',
    file: 'src/receipt/witness.ts',
    from: "return isConsistent(last, head, proof) ? 'cosign' : 'unproven';",
    to: "return 'cosign';",
    tests: [
      'test/unit/receipt/checkpoint.test.ts',
      'test/conformance/receipts.test.ts',
      'test/property/receipts.property.test.ts',
    ],
  },
  {
    name: 'two equal histories prove a split view',
    file: 'src/receipt/split-view.ts',
    from: '    root.equals(older.root) ||\n',
    to: '',
    tests: [
      'test/unit/receipt/checkpoint.test.ts',
      'test/conformance/receipts.test.ts',
      'test/property/receipts.property.test.ts',
    ],
  },
];
