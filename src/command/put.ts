import { fault, type HoldfastError } from '../base/errors.ts';
import type { PutRequest } from '../operator/operator.ts';
import type { CommandContext } from './context.ts';
import type { PutCommand } from './executor.ts';

/** What streaming mode answers in place of a hash, as documented: rows of a buffer have none yet. */
const NO_HASH = '0';

/** A start script that still runs may be about to start the operator. */
const noOperator = ({ startScript }: CommandContext): HoldfastError => {
  const running = startScript?.running;
  if (running === undefined)
    return fault('COMMAND_NO_OPERATOR', 'this node takes up no data: no operator runs here', {
      hint: 'send the data to an operator of the cluster, or start one: run operator where policy = ID',
    });
  const { path, line } = running;
  const place = line === 0 ? `${path} has not begun` : `${path} is at line ${line}`;
  return fault(
    'COMMAND_START_SCRIPT_RUNS',
    `no operator runs here yet, and the start script is still running: ${place}`,
    {
      hint: 'send it again in a few seconds; where the script starts no operator: run operator where policy = ID',
    },
  );
};

/**
 * Rows of a REST PUT. `COMMAND_NO_OPERATOR`, `COMMAND_START_SCRIPT_RUNS` where no operator runs here; `INGEST_…` from
 * the operator.
 */
export const putRows = async (
  context: CommandContext,
  { mode, ...put }: PutCommand,
): Promise<{ readonly hash: string }> => {
  const operator = context.operator();
  if (operator === undefined) throw noOperator(context);
  const request: PutRequest = put;
  if (mode === 'streaming') {
    await operator.stream(request);
    return { hash: NO_HASH };
  }
  // A duplicate is a success as well: a client that retries after a lost answer hears that its data is stored, once.
  const { record } = await operator.put(request);
  return { hash: record.hash };
};
