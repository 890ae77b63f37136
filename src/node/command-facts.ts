import { hostname } from 'node:os';
import type { NodeFacts } from '../command/context.ts';
import type { NodeConfig } from './config.ts';
import type { NodePaths } from './paths.ts';

/** What the command language may know of the node. */
export const commandFacts = (
  config: NodeConfig,
  paths: NodePaths,
  version: string,
  startedMs: number,
  restAddress: () => string | undefined,
): NodeFacts => ({
  name: config.name,
  company: config.company,
  hostname: hostname(),
  version,
  startedMs,
  remoteCommands: config.remote,
  directories: {
    root: paths.dir,
    watch: paths.watch,
    error: paths.error,
    archive: paths.archive,
    prep: paths.prep,
    backup: paths.bkup,
    distribution: paths.distr,
    databases: paths.dbms,
    ledger: paths.ledger,
    scripts: paths.scripts,
  },
  script: config.script,
  scriptRemembered: config.scriptRemembered,
  restAddress,
});
