import { fault } from '../base/errors.ts';
import type { Caller } from './executor.ts';

/** Variables that deployments of the command language set for their scripts. */
const OF_DEPLOYMENTS = new Set([
  ...['NODE_TYPE', 'NODE_NAME', 'COMPANY_NAME', 'LEDGER_CONN', 'CLUSTER_NAME', 'MEMBER', 'IS_MAIN', 'ENABLE_HA'],
  ...['START_DATE', 'ANYLOG_SERVER_PORT', 'ANYLOG_REST_PORT', 'DEFAULT_DBMS', 'DB_TYPE', 'SYNC_TIME'],
  ...['BLOCKCHAIN_SOURCE', 'OPERATOR_THREADS'],
]);

/**
 * Variables of this program that are secrets: whoever has an invite can redeem it, whoever has the token commands a
 * node.
 */
const SECRET = new Set(['HOLDFAST_INVITE', 'HOLDFAST_TOKEN']);

/** The rest of the environment belongs to the user who runs the node: tokens and paths stand there. */
export const mayReadEnvironment = (caller: Caller, name: string): boolean => {
  if (caller === 'local') return true;
  return caller === 'rest' && !SECRET.has(name) && (name.startsWith('HOLDFAST_') || OF_DEPLOYMENTS.has(name));
};

/** Throws `COMMAND_ENVIRONMENT_REFUSED`. */
export const checkEnvironment = (caller: Caller, name: string): void => {
  if (mayReadEnvironment(caller, name)) return;
  throw fault('COMMAND_ENVIRONMENT_REFUSED', `the environment variable ${name.slice(0, 80)} is not shown`, {
    hint: `shown are those that begin with HOLDFAST_, and ${[...OF_DEPLOYMENTS].join(', ')}`,
  });
};
