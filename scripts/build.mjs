// `npm ci` ends with this (`prepare`): the program and its packages as a few files in dist/, since Node needs 0.4 s at each start to
// find and link a thousand modules. Plain JavaScript, so that any Node can say what is missing. The program runs without it.
import { readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const source = fileURLToPath(new URL('src', root));
const dist = fileURLToPath(new URL('dist', root));
const unfinished = `${dist}.new`;

/** Modules that threads import (`ProcedureModule` in src/sqlite/sqlite.ts), by the name of the file of each in dist/. */
const procedureModules = () =>
  readdirSync(source, { recursive: true })
    .map((path) => ({ name: path.replaceAll(/[\\/]/g, '-').replace(/\.ts$/, ''), path: join(source, path) }))
    .filter(({ path }) => path.endsWith('.ts') && /^export const procedures\b/m.test(readFileSync(path, 'utf8')));

/**
 * A module keeps its own place, wherever its code was put: data files are found beside the source. Only what threads
 * run lies in dist/: the entry, found from where the code is that starts it, and the modules that it imports.
 */
const ownPlace = (inThreads) => ({
  name: 'own-place',
  transform: {
    filter: { code: 'import.meta.url' },
    handler: (code, id) => {
      if (id === join(source, 'sqlite/threads.ts')) return null;
      const built = inThreads.find(({ path }) => path === id);
      const place = built === undefined ? relative(dist, id) : `./${built.name}.mjs`;
      if (built === undefined && !place.startsWith('../src/') && !place.startsWith('../scripts/')) return null;
      return { code: code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`) };
    },
  },
});

const build = async ({ rolldown }) => {
  const inThreads = procedureModules();
  const program = await rolldown({
    input: {
      main: join(source, 'main.ts'),
      worker: join(source, 'sqlite/worker.mjs'),
      ...Object.fromEntries(inThreads.map(({ name, path }) => [name, path])),
    },
    platform: 'node',
    external: ['better-sqlite3', 'classic-level'], // they load a library from beside themselves
    plugins: [ownPlace(inThreads)],
    logLevel: 'warn',
  });
  await program.write({
    dir: unfinished,
    entryFileNames: '[name].mjs',
    chunkFileNames: '[name]-[hash].mjs',
    minify: { compress: false, mangle: false, codegen: { removeWhitespace: true } },
    comments: { legal: true },
  });
  await program.close();
  renameSync(unfinished, dist); // whole or not at all
};

for (const old of [dist, unfinished]) rmSync(old, { recursive: true, force: true });
const bundler = await import('rolldown').catch(() => undefined);
if (bundler === undefined)
  process.stderr.write('holdfast: not built (rolldown is not installed): a start takes 0.4 s more\n');
else await build(bundler);
