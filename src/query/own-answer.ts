import { heldNow, type Need, readyToAnswer } from './behind.ts';
import { leftOut } from './left-out.ts';
import { memberNumbers } from './numbered.ts';
import type { QueryPorts } from './ports.ts';
import { queryStreams } from './procedures.ts';
import type { OperatorAnswer } from './remote/protocol.ts';

/** A question to this node's own databases, whoever asks it. */
export interface OwnQuestion {
  readonly dbms: string;
  /** The table that the SQL reads. */
  readonly table: () => string;
  readonly sql: string;
  readonly timeoutMs: number;
  /** Origins whose rows count in other clusters. */
  readonly elsewhere: readonly string[];
}

/**
 * Answers from this node's own databases: as an operator of a cluster, when it may (see {@link readyToAnswer}); without
 * `need`, with what lies on the disk.
 */
export const answerHere = async (
  ports: QueryPorts,
  { dbms, table, sql, timeoutMs, elsewhere }: OwnQuestion,
  need: Need | undefined,
): Promise<OperatorAnswer> => {
  const behind = need === undefined ? 0 : await readyToAnswer(ports, need, dbms, table);
  const { left, unseen } = await leftOut(ports, { dbms, table: table() }, elsewhere);
  const chunks = ports.sqlite.stream(queryStreams, 'select', {
    ...{ dbms, sql, timeoutMs, left, unseen, nowMicros: Math.floor(ports.clock.wallMs() * 1_000) },
    members: need === undefined ? undefined : memberNumbers(ports.topology(), sql),
    file: ports.operating()?.fileOf?.(dbms),
  });
  return { behind, chunks, held: () => heldNow(ports), left };
};
