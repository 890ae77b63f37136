// `npm ci` ends with this (`prepare`): the program and its packages as a few files in dist/, since Node needs 0.4 s at each start to
// find and link a thousand modules. Plain JavaScript, so that any Node can say what is missing. The program runs without it.
import { renameSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = new URL('..', import.meta.url);
const dist = fileURLToPath(new URL('dist', root));
const unfinished = `${dist}.new`;

/** A module keeps its own place: threads and data files are found beside the source, wherever its code was put. */
const ownPlace = {
  name: 'own-place',
  transform: {
    filter: { code: 'import.meta.url' },
    handler: (code, id) => {
      const place = relative(dist, id);
      if (!place.startsWith('../src/') && !place.startsWith('../scripts/')) return null;
      return { code: code.replaceAll('import.meta.url', `new URL(${JSON.stringify(place)}, import.meta.url).href`) };
    },
  },
};

const build = async ({ rolldown }) => {
  const program = await rolldown({
    input: fileURLToPath(new URL('src/main.ts', root)),
    platform: 'node',
    external: ['better-sqlite3', 'classic-level'], // they load a library from beside themselves
    plugins: [ownPlace],
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
