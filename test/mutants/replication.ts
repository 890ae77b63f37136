import type { Mutant } from './mutant.ts';

export const replication: readonly Mutant[] = [
  {
    name: 'content of a bundle is not hashed',
    file: 'src/replication/transfer/bundle.ts',
    from: 'if (digest === (rebuilt ?? record.digest))',
    to: "if (digest !== '')",
    tests: ['test/unit/replication/wire.test.ts'],
  },
  {
    name: 'file of a foreign origin is taken',
    file: 'src/replication/intake.ts',
    from: '  accepts(origin)\n    ?',
    to: '  accepts(origin) || file > 0\n    ?',
    tests: ['test/unit/replication/hostile.test.ts', 'test/unit/replication/core.test.ts'],
  },
  {
    name: 'operator answers before it is filled',
    file: 'src/replication/fill.ts',
    from: '      if (subtractRanges(ranges, view.own.get(origin) ?? NO_FILES).length > 0) return false;\n',
    to: '',
    tests: [
      'test/unit/replication/core.test.ts',
      'test/unit/replication/promises.test.ts',
      'test/unit/replication/consumer.test.ts',
    ],
  },
  {
    name: 'operator that met nobody is filled for good',
    file: 'src/replication/fill.ts',
    from: 'if (comparedAll && this.#compared.size > 0) this.#filled = true;',
    to: 'this.#filled = true;',
    tests: [
      'test/unit/replication/core.test.ts',
      'test/unit/replication/promises.test.ts',
      'test/unit/replication/consumer.test.ts',
    ],
  },
  {
    name: 'request counts as answered before its files are durable',
    file: 'src/replication/pull-line.ts',
    from: '        await this.#storing.done;\n        this.#outstanding.shift();',
    to: '        this.#outstanding.shift();',
    tests: [
      'test/unit/replication/promises.test.ts',
      'test/unit/replication/consumer.test.ts',
      'test/property/replication.property.test.ts',
    ],
  },
  {
    name: 'file that nobody asked for is taken',
    file: 'src/replication/pull-line.ts',
    from: 'if (!inRanges(open, record.file))',
    to: 'if (open.length < 0)',
    tests: ['test/unit/replication/hostile.test.ts'],
  },
  {
    name: 'push has no window',
    file: 'src/replication/transfer/push-window.ts',
    from: 'if (this.#waiting.length === 0 || files <= 0 || bytes <= 0) return undefined;',
    to: 'if (this.#waiting.length === 0) return undefined;',
    tests: ['test/unit/replication/core.test.ts', 'test/property/replication.property.test.ts'],
  },
  {
    name: 'acknowledgement of other files counts',
    file: 'src/replication/transfer/push-window.ts',
    from: 'if (bundle?.files !== files) return false;',
    to: 'if (bundle === undefined) return false;',
    tests: ['test/unit/replication/core.test.ts', 'test/unit/replication/hostile.test.ts'],
  },
  {
    name: 'file is asked of two peers',
    file: 'src/replication/transfer/state.ts',
    from: '    without(asked.get(origin));\n',
    to: '',
    tests: ['test/unit/replication/core.test.ts', 'test/property/replication.property.test.ts'],
  },
  {
    name: 'peer that fails is asked on and on',
    file: 'src/replication/transfer/state.ts',
    from: '    if (state !== undefined && state.restUntilMs <= nowMs) this.#rest(state, nowMs);\n',
    to: '',
    tests: ['test/unit/replication/core.test.ts', 'test/property/replication.property.test.ts'],
  },
  {
    name: 'what a dead peer was asked for is forgotten',
    file: 'src/replication/transfer/state.ts',
    from: '    for (const [id, request] of this.#requests) if (request.peer === peer) this.#requests.delete(id);\n',
    to: '',
    tests: ['test/unit/replication/core.test.ts', 'test/property/replication.property.test.ts'],
  },
  {
    name: 'own files that peers hold are not taken back',
    file: 'src/replication/transfer/state.ts',
    from: '    this.#ownSeen.set(peer, holdings.get(this.#self) ?? NO_FILES);\n  }\n\n  /** A peer announced',
    to: '  }\n\n  /** A peer announced',
    tests: [
      'test/unit/replication/core.test.ts',
      'test/unit/replication/promises.test.ts',
      'test/unit/replication/consumer.test.ts',
    ],
  },
];
