import { createLogger, logLine } from '../../src/base/log.ts';
import { resolveConfig } from '../../src/node/config.ts';
import { startNode } from '../../src/node/node.ts';
import { startRest } from '../../src/rest/rest.ts';

/**
 * A node that prints each line of its log, those for developers as well. It stands before the command line of another
 * (`through` of `NodeProcess`): EXECUTABLE HOLDFAST start --NAME VALUE …
 */
const [, , , ...given] = process.argv.slice(2);
const options = Object.fromEntries(
  Array.from({ length: given.length / 2 }, (_, pair) => [
    (given[2 * pair] ?? '').slice(2).replaceAll(/-[a-z]/g, (letter) => letter.slice(1).toUpperCase()),
    given[2 * pair + 1],
  ]),
);
const log = createLogger((record) => void process.stderr.write(logLine(record)));
process.on('uncaughtException', (caught) => {
  log.error(`unexpected failure: ${caught.stack ?? String(caught)}`);
  process.exit(1);
});
const { facts } = await startNode(resolveConfig(options), {
  ...{ version: '0.0.0', log, startRest, stop: new AbortController().signal },
});
process.stdout.write(
  `ready ${facts.name} listen=${facts.listen} rest=${facts.rest} network=${facts.network ?? 'none'} peer=${facts.peer}\n`,
);
