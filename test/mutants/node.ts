import type { Mutant } from './mutant.ts';

/** What a start makes of its directory. */
export const node: readonly Mutant[] = [
  {
    name: 'a start that ends by something else has created a network',
    file: 'src/node/own-network.ts',
    from: '  await mayCreate();\n',
    to: '  void mayCreate().catch(() => {});\n',
    tests: ['test/unit/node/own-network.test.ts'],
  },
  {
    name: 'another rule for who joins is passed over in silence',
    file: 'src/node/own-network.ts',
    from: 'admission !== undefined && admission !== held.admission',
    to: 'admission !== undefined && held === undefined',
    tests: ['test/unit/node/own-network.test.ts'],
  },
  {
    name: 'a backup is shown only once its directory is ready',
    file: 'src/node/backup/backups.ts',
    from: '    this.#job = job;\n    const begun = job.prepare();\n',
    to: '    const begun = job.prepare().then(() => void (this.#job = job));\n',
    tests: ['test/unit/node/backups.mocked.test.ts'],
  },
  {
    name: 'an invite is used up by a start whose REST cannot listen',
    file: 'src/node/join-network.ts',
    from: '  await tryRest();\n',
    to: '',
    tests: ['test/unit/node/join-network.test.ts'],
  },
  {
    name: 'a member that is started with another invite says nothing',
    file: 'src/node/joining.ts',
    from: 'invite === grant && self.keys.includes(key)',
    to: 'self.keys.includes(key)',
    tests: ['test/unit/node/join-network.test.ts'],
  },
  {
    name: 'a join that may be in force somewhere is forgotten with its key',
    file: 'src/node/joining.ts',
    from: 'found?.refused !== true ||',
    to: 'found === undefined ||',
    tests: ['test/unit/node/joining.test.ts'],
  },
  {
    name: 'one node whose clock is behind keeps another from writing',
    file: 'src/command/health/clock-ahead.ts',
    from: 'known < WITNESSES_MIN || behind.length < known',
    to: 'known < WITNESSES_MIN || behind.length === 0',
    tests: ['test/unit/command/health/clock-ahead.test.ts'],
  },
  {
    name: 'a clock that was set is compared by what was measured before',
    file: 'src/node/clock-guard.ts',
    from: 'Math.abs(standing - this.#measuredAt) >= CLOCK_JUMP_MS_MIN',
    to: 'standing < 0',
    tests: ['test/unit/node/clock-guard.test.ts'],
  },
];
