import type { Mutant } from './mutant.ts';

export const receipt: readonly Mutant[] = [
  {
    name: 'signature of a checkpoint is not checked',
    file: 'src/receipt/checkpoint.ts',
    from: 'if (!isAlone || !verifySignature(origin.node, Buffer.from(text), own.bytes))',
    to: 'if (!isAlone)',
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
  {
    name: 'erased body stays in the files of the archive',
    file: 'src/receipt/tiles/archiver.ts',
    from: 'if (files.hasBody(hash)) await files.erase(hash);',
    to: 'if (!files.has(hash)) await files.erase(hash);',
    tests: ['test/unit/receipt/tiles/tiles.test.ts'],
  },
  {
    name: 'archive publishes a checkpoint that its tiles do not make',
    file: 'src/receipt/tiles/tile-log.ts',
    from: 'if (!root.equals(checkpoint.root)) {',
    to: 'if (root.byteLength === 0) {',
    tests: ['test/unit/receipt/tiles/tiles.test.ts'],
  },
  {
    name: 'what a cut off write left may hold an erased body',
    file: 'src/receipt/tiles/entry-files.ts',
    from: '    await rm(`${this.#path(file)}.new`, { force: true });\n',
    to: '',
    tests: ['test/unit/receipt/tiles/tiles.test.ts'],
  },
  {
    name: 'erased line comes back with what is written behind it',
    file: 'src/receipt/tiles/entry-files.ts',
    from: '    if (this.#isTail(file)) this.#tail.set(line, offset);\n',
    to: '',
    tests: ['test/unit/receipt/tiles/tiles.test.ts'],
  },
];
