import type { Mutant } from './mutant.ts';

export const rest: readonly Mutant[] = [
  {
    name: 'what is assigned to the key of a user with permissions is forgotten',
    file: 'src/command/access/door.ts',
    from: 'together([ofUser, ofKey])',
    to: 'together([ofUser ?? ofKey])',
    tests: ['test/unit/command/user-certificates.test.ts'],
  },
  {
    name: 'limit of a body is ignored',
    file: 'src/rest/body.ts',
    from: 'if (bytes > limit) throw oversize({ limit, hint });',
    to: 'if (bytes < 0) throw oversize({ limit, hint });',
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
  {
    name: 'announced length of a body is not looked at',
    file: 'src/rest/body.ts',
    from: 'if (announced > limit) {',
    to: 'if (announced < 0) {',
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
  {
    name: 'gzip unpacks without bound',
    file: 'src/rest/body.ts',
    from: 'unzip(body, limit)',
    to: 'unzip(body, 8 * limit)',
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
  {
    name: 'bodies together are unbounded',
    file: 'src/rest/body.ts',
    from: 'if (bytes > this.#free)',
    to: 'if (bytes < 0)',
    tests: ['test/unit/rest/body.test.ts'],
  },
  {
    name: 'stalled body is waited for',
    file: 'src/rest/body.ts',
    from: 'cancelStall = clock.after(stallMs, () =>',
    to: 'cancelStall = clock.after(1_000 * stallMs, () =>',
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
  {
    name: 'token is not compared',
    file: 'src/command/access/access.ts',
    from: 'if (timingSafeEqual(digest(value), this.#token)) return TOKEN;',
    to: 'if (digest(value).byteLength === this.#token.byteLength) return TOKEN;',
    tests: ['test/unit/rest/access.test.ts', 'test/unit/command/access.test.ts'],
  },
  {
    name: 'page of another site commands the node',
    file: 'src/rest/guard.ts',
    from: '  if (foreign)\n',
    to: '  if (foreign && host === undefined)\n',
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
  {
    name: 'host of a request is not looked at',
    file: 'src/rest/guard.ts',
    from: 'if (host !== undefined && !isOwnHost(host, options))',
    to: "if (host === undefined && !isOwnHost(origin ?? '', options))",
    tests: ['test/unit/rest/hostile.test.ts', 'test/unit/rest/rest.test.ts'],
  },
];
