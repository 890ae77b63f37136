import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

/** Ground floor first: a folder imports itself and the folders before it. */
const FLOORS = [
  'base',
  'codec',
  'network',
  'sqlite',
  'entry',
  'ledger',
  'receipt',
  'policy',
  'bundle',
  'topology',
  'operator',
  'replication',
  'query',
  'command',
  'node',
] as const;
/** Front doors see these and themselves, nothing else. */
const FRONT_DOORS: Readonly<Record<string, readonly string[]>> = {
  cli: ['base', 'command'],
  rest: ['base', 'command'],
};
/**
 * The folders that may name a package, or a part of Node that opens sockets, processes or threads; all may name the
 * other parts.
 */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  zod: [...FLOORS, ...Object.keys(FRONT_DOORS)],
  libp2p: ['network'],
  '@libp2p/': ['network'],
  '@chainsafe/': ['network'],
  '@multiformats/': ['network'],
  'better-sqlite3': ['sqlite'],
  level: ['ledger'],
  canonicalize: ['codec'],
  commander: ['cli'],
  'node:http': ['base', 'rest', 'cli'],
  'node:https': ['base', 'rest', 'cli'],
  'node:http2': [],
  'node:net': ['base', 'network', 'rest'],
  'node:tls': ['rest'],
  'node:dgram': [],
  'node:dns': ['network'],
  'node:timers': ['cli'],
  'node:child_process': [],
  'node:cluster': [],
  'node:worker_threads': ['sqlite'],
};
/** What a file may not say, except where it belongs, and what to say instead. */
const FORBIDDEN: readonly { pattern: RegExp; allowed: RegExp; instead: string }[] = [
  {
    pattern: /\bprocess\.env\b|\benv\b[^;=]*\}\s*=\s*process\b/,
    allowed: /^(node\/(config|environment)\.ts|holdfast\.mjs)$/,
    instead: 'take the value from NodeConfig',
  },
  { pattern: /\bDate\.now\(|\bnew Date\(\)/, allowed: /^base\/clock\.ts$/, instead: 'use clock.wallMs()' },
  {
    pattern: /\b(setTimeout|setInterval)\(|\bperformance\.now\(|\bhrtime\b/,
    // The cut of a stop that hangs, and a socket's own idle time.
    allowed: /^(base\/.*|node\/run\.ts|rest\/rest\.ts)$/,
    instead: 'use clock.after() or clock.monotonicMs()',
  },
  {
    pattern: /\bAbortSignal\.timeout\(/,
    // Real sockets, and what waits for a whole node.
    allowed: /^(base|cli|network|node)\//,
    instead: 'use the clock',
  },
  {
    pattern: /\bMath\.random\b|\brandom(Bytes|UUID|Int|FillSync)\b|\bgetRandomValues\b/,
    allowed: /^base\/random\.ts$/,
    instead: 'use random',
  },
];

interface SourceFile {
  /** Relative to src, with `/`. */
  readonly path: string;
  readonly text: string;
}

const SRC = fileURLToPath(new URL('../src', import.meta.url));

const TEST = fileURLToPath(new URL('.', import.meta.url));

const readSources = (below = SRC): SourceFile[] =>
  readdirSync(below, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.(ts|mjs)$/.test(path))
    .map((path) => ({ path: path.split(sep).join('/'), text: readFileSync(join(below, path), 'utf8') }));

const withoutComments = (text: string): string => text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '$1');

const matchesOf = (text: string, pattern: RegExp): string[] =>
  [...withoutComments(text).matchAll(pattern)].map((match) => match[1] ?? '');

const importsOf = (text: string): string[] => matchesOf(text, /(?:\bfrom\s*|\bimport\s*\(?\s*)['"]([^'"\s]+)['"]/g);

/** Programs that it starts in a thread. */
const startedBy = (text: string): string[] => matchesOf(text, /\bnew URL\(\s*['"]([^'"\s]+\.m?[jt]s)['"]/g);

const folderOf = (path: string): string => (path.includes('/') ? (path.split('/')[0] ?? '') : '');

const faultsOfImport = (file: SourceFile, target: string): string[] => {
  const from = folderOf(file.path);
  if (!target.startsWith('.')) {
    const [, door] =
      Object.entries(DOORS).find(
        ([name]) => target === name || target.startsWith(name.endsWith('/') ? name : `${name}/`),
      ) ?? [];
    if (door === undefined)
      return target.startsWith('node:') ? [] : [`${file.path}: ${target} has no door; add it to DOORS`];
    // What stands above all floors starts the program.
    return from === '' || door.includes(from) ? [] : [`${file.path}: ${from}/ is no door to ${target}`];
  }
  const to = folderOf(
    relative(SRC, join(SRC, dirname(file.path), target))
      .split(sep)
      .join('/'),
  );
  if (from === '' || to === from) return [];
  const allowed = FRONT_DOORS[from] ?? FLOORS.slice(0, FLOORS.indexOf(from as (typeof FLOORS)[number]));
  return allowed.includes(to) ? [] : [`${file.path}: ${from}/ may not import ${target}`];
};

/** Every breach of the house's rules in a set of files. */
const findFaults = (files: readonly SourceFile[]): string[] =>
  files.flatMap((file) => {
    const folder = folderOf(file.path);
    const known = folder === '' || folder in FRONT_DOORS || (FLOORS as readonly string[]).includes(folder);
    const code = withoutComments(file.text);
    return [
      ...(known ? [] : [`${file.path}: folder ${folder}/ has no floor; add it to FLOORS or FRONT_DOORS`]),
      ...(known
        ? [...importsOf(file.text), ...startedBy(file.text)].flatMap((target) => faultsOfImport(file, target))
        : []),
      ...FORBIDDEN.filter(({ pattern, allowed }) => pattern.test(code) && !allowed.test(file.path)).map(
        ({ pattern, instead }) => `${file.path}: ${pattern.source}: ${instead}`,
      ),
    ];
  });

/** The first circle of files that import one another, by their paths; undefined where there is none. */
const findCircle = (files: readonly SourceFile[]): readonly string[] | undefined => {
  const imports = new Map(
    files.map(({ path, text }) => [
      path,
      importsOf(text)
        .filter((target) => target.startsWith('.'))
        .map((target) => join(dirname(path), target).split(sep).join('/')),
    ]),
  );
  const done = new Set<string>();
  const visit = (path: string, way: readonly string[]): readonly string[] | undefined => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return undefined;
    for (const target of imports.get(path) ?? []) {
      const circle = visit(target, [...way, path]);
      if (circle !== undefined) return circle;
    }
    done.add(path);
    return undefined;
  };
  for (const { path } of files) {
    const circle = visit(path, []);
    if (circle !== undefined) return circle;
  }
  return undefined;
};

/** Test files that replace a module for themselves without a process of their own, or have one without need. */
const findMisnamedMocks = (files: readonly SourceFile[]): readonly string[] =>
  files
    .filter(({ path }) => path.endsWith('.test.ts'))
    .filter(({ path, text }) => /^ *(?:await )?vi\.(?:do)?[mM]ock\(/m.test(text) !== path.endsWith('.mocked.test.ts'))
    .map(({ path }) => path);

describe('the house', () => {
  test('imports go down, packages have one door, time and chance are injected', () => {
    const files = readSources();
    expect(files.length).toBeGreaterThan(50);
    expect(findFaults(files)).toEqual([]);
  });

  test('no files import one another in a circle, types included', () => {
    expect(findCircle(readSources())).toBeUndefined();
    const text = (target: string): string => `import type { A } from '${target}';`;
    const circle = [
      { path: 'entry/a.ts', text: text('./b.ts') },
      { path: 'entry/b.ts', text: text('../entry/c.ts') },
      { path: 'entry/c.ts', text: text('./a.ts') },
    ];
    expect(findCircle(circle)).toEqual(['entry/a.ts', 'entry/b.ts', 'entry/c.ts', 'entry/a.ts']);
  });

  test('who replaces a module is alone in its process (.mocked.test.ts)', () => {
    expect(findMisnamedMocks(readSources(TEST))).toEqual([]);
    const files = [
      { path: 'a.test.ts', text: `vi.mock('node:fs');` },
      { path: 'b.mocked.test.ts', text: `expect(1).toBe(1);` },
      { path: 'c.test.ts', text: `  vi.doMock('node:fs');` },
      { path: 'd.mocked.test.ts', text: `vi.mock('node:fs');` },
    ];
    expect(findMisnamedMocks(files)).toEqual(['a.test.ts', 'b.mocked.test.ts', 'c.test.ts']);
  });

  test.each([
    ['an import upwards', 'entry/x.ts', `import type { A } from '../ledger/ledger.ts';`],
    ['a front door that looks past command', 'rest/x.ts', `import { a } from '../ledger/ledger.ts';`],
    ['a dynamic import upwards', 'ledger/x.ts', `const a = await import('../query/query.ts');`],
    ['a second door to a package', 'policy/x.ts', `import { Level } from 'level';`],
    ['a second door to a scoped package', 'ledger/x.ts', `import { noise } from '@chainsafe/libp2p-noise';`],
    ['a package without a door', 'ledger/x.ts', `import ws from 'ws';`],
    ['a socket where there is none', 'ledger/x.ts', `import { connect } from 'node:net';`],
    ['a process', 'operator/x.ts', `import { spawn } from 'node:child_process';`],
    ['a thread of a floor above', 'sqlite/x.ts', `new Worker(new URL('../query/worker.ts', import.meta.url));`],
    ['a timer in a floor', 'ledger/x.ts', `setTimeout(() => {}, 5);`],
    ['a time-out in a floor', 'ledger/x.ts', `const signal = AbortSignal.timeout(5);`],
    ['a clock in a floor', 'operator/x.ts', `const now = performance.now();`],
    ['chance in a floor', 'policy/x.ts', `const salt = randomBytes(16);`],
    ['the environment by another name', 'policy/x.ts', `const { env } = process;`],
    ['an unknown folder', 'helpers/x.ts', `export const a = 1;`],
    ['the wall clock in a floor', 'ledger/x.ts', `export const now = () => Date.now();`],
    ['the environment outside the configuration', 'node/x.ts', `export const home = process.env['HOME'];`],
  ])('finds %s', (_, path, text) => {
    expect(findFaults([{ path, text }])).toHaveLength(1);
  });

  test('an allowed import passes', () => {
    expect(
      findFaults([{ path: 'ledger/x.ts', text: `import { a } from '../entry/entry.ts'; import 'level';` }]),
    ).toEqual([]);
  });
});
