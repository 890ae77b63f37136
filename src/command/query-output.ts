import type { QueryResult } from '../query/query.ts';
import type { Reply } from './reply.ts';
import { givesJson } from './reply.ts';
import { renderTable } from './table.ts';

/** TEMPORARY until query/format.ts is there. */
export const formatResult = (
  result: QueryResult,
  { format, stat }: { format: string; stat: boolean; timezone: string | undefined },
): Reply => {
  const rows = result.rows.map((row) => Object.fromEntries(result.columns.map(({ name }, at) => [name, row[at]])));
  if (format === 'table')
    return {
      text: renderTable(
        result.columns.map(({ name }) => name),
        result.rows.map((row) => row.map((cell) => (typeof cell === 'number' ? cell : String(cell)))),
      ),
      json: rows,
    };
  if (format === 'json:list') return givesJson(rows);
  return givesJson(
    stat ? { Query: rows, Statistics: [{ Count: rows.length, Nodes: result.parts.length }] } : { Query: rows },
  );
};
