import { readFileSync } from 'node:fs';
import { runCli } from './cli/cli.ts';
import { environmentVariable } from './node/environment.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// A one-shot command must not pay for the node's parts: they are imported by the command that needs them.
process.exitCode = await runCli(process.argv.slice(2), process, {
  version,
  environment: environmentVariable,
  start: async (options) => {
    const [{ runNode }, { startRest }] = await Promise.all([import('./node/run.ts'), import('./rest/rest.ts')]);
    return runNode(options, version, startRest);
  },
  verifyBundle: async (archive, root) =>
    (await import('./bundle/verify.ts')).verifyBundle(archive, root === undefined ? {} : { root }),
  demo: async (options) => (await import('../scripts/demo/demo.ts')).runDemo(options),
});
