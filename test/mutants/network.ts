import type { Mutant } from './mutant.ts';

export const network: readonly Mutant[] = [
  {
    name: 'redial is forgotten after a failure',
    file: 'src/network/redial.ts',
    from: '    this.#run();\n  }\n}\n',
    to: '  }\n}\n',
    tests: ['test/unit/network/redial.test.ts'],
  },
  {
    name: 'pause between dials does not grow',
    file: 'src/network/redial.ts',
    from: '2 ** Math.min(failures, 16)',
    to: '2 ** Math.min(failures, 0)',
    tests: ['test/unit/network/redial.test.ts'],
  },
  {
    name: 'node dials itself',
    file: 'src/network/redial.ts',
    from: '    if (target.key === self) continue;\n',
    to: '',
    tests: ['test/unit/network/redial.test.ts'],
  },
  {
    name: 'peer that hangs up is dialled in a tight loop',
    file: 'src/network/redial.ts',
    from: 'const failures = lasted ? 0 : entry.failures + 1;',
    to: 'const failures = 0;',
    tests: ['test/unit/network/redial.test.ts'],
  },
  {
    name: 'guest uses every protocol',
    file: 'src/network/gate.ts',
    from: 'return this.isMember(key) || (!this.isExpelled(key) && this.#gate.guestProtocols.has(protocol));',
    to: 'return this.isMember(key) || protocol.length > 0;',
    tests: ['test/unit/network/memory.test.ts'],
  },
  {
    name: 'who has no grant any more stays connected',
    file: 'src/network/gate.ts',
    from: "        this.#ports.drop(key, 'it has no grant any more');\n",
    to: '',
    tests: ['test/unit/network/memory.test.ts'],
  },
  {
    name: 'silence is never noticed',
    file: 'src/network/liveness.ts',
    from: 'if (this.#silentTicks > TICKS_UNTIL_SILENT) {',
    to: 'if (this.#silentTicks < 0) {',
    tests: ['test/unit/network/liveness.test.ts'],
  },
  {
    name: 'sender does not wait for a slow reader',
    file: 'src/network/memory-channel.ts',
    from: 'while (this.#outstandingBytes > CHANNEL_READ_AHEAD_BYTES)',
    to: 'while (this.#outstandingBytes < 0)',
    tests: ['test/unit/network/memory.test.ts'],
  },
  {
    name: 'deadline of a request is ignored',
    file: 'src/network/exchange.ts',
    from: '() => stop(timeout)',
    to: '() => {}',
    tests: ['test/unit/network/memory.test.ts'],
  },
];
