import { neededAffinity } from '../operator/affinity.ts';
import type { Column } from '../topology/topology.ts';
import { call, type CastType, column, type Expression, mapOperands, number } from './sql/ast.ts';
import { isAggregateCall, sameExpression } from './sql/resolve.ts';
import type { Resolved, ResolvedItem } from './sql/resolved.ts';

/** The relation of partial rows that the merge reads. */
export const PARTIAL_TABLE = 'partial';

/** How SQLite compares values of a column with others; empty for none. */
type Affinity = CastType | '';

/**
 * A column of {@link PARTIAL_TABLE}. A key keeps the affinity it has at the operators: HAVING may compare it with text.
 */
interface PartialColumn {
  readonly name: string;
  readonly affinity: Affinity;
}

/** A query in two steps: one at each operator, one over what they answer. */
export interface QueryPlan {
  /** What each operator answers; its columns are those of `columns`. */
  readonly partial: Resolved;
  readonly columns: readonly PartialColumn[];
  /** Over all partial rows: the result. */
  readonly merge: Resolved;
}

/**
 * Splits a query so that the merge of what any number of shards answer is what one database with all rows answers.
 *
 * Grouped: the shards group by the same expressions, and by the argument of each DISTINCT aggregate as well, so that
 * its distinct values are shipped; the merge groups again. avg is shipped as a sum and a count. HAVING, ORDER BY and
 * LIMIT stay in the merge. Not grouped: the shards select, and where there is a LIMIT they order and limit too.
 */
export const planQuery = (query: Resolved, tableColumns: readonly Column[]): QueryPlan =>
  query.grouped ? new GroupedPlan(query, tableColumns).plan() : planRows(query);

/** Whether the answers of the shards one after another are the result: then there is nothing to merge. */
export const isConcatenation = (query: Resolved): boolean => !query.grouped && query.orderBy.length === 0;

const bare = (expression: Expression): ResolvedItem => ({ expression, title: '', type: null });

/** A query over {@link PARTIAL_TABLE}. */
const over = (items: readonly ResolvedItem[], query: Resolved): Resolved => ({
  ...query,
  table: PARTIAL_TABLE,
  items,
  where: undefined,
  period: undefined,
  groupBy: [],
});

const planRows = (query: Resolved): QueryPlan => {
  const shipped = query.items.map(({ expression }) => expression);
  const place = (expression: Expression): Expression => {
    const found = shipped.findIndex((known) => sameExpression(known, expression));
    return column(`c${found >= 0 ? found : shipped.push(expression) - 1}`);
  };
  const items = query.items.map((item, index) => ({ ...item, expression: column(`c${index}`) }));
  const orderBy = query.orderBy.map((term) => ({ ...term, expression: place(term.expression) }));
  const limited = query.limit !== undefined;
  return {
    partial: {
      ...query,
      items: shipped.map(bare),
      orderBy: limited ? query.orderBy : [],
      limit: limited ? query.limit + (query.offset ?? 0) : undefined,
      offset: undefined,
    },
    columns: shipped.map((_, index) => ({ name: `c${index}`, affinity: '' })),
    merge: { ...over(items, query), orderBy },
  };
};

class GroupedPlan {
  readonly #query: Resolved;
  readonly #tableColumns: readonly Column[];
  /** Expressions that the shards group by. */
  readonly #keys: Expression[];
  /** Aggregates that the shards compute. */
  readonly #values: Expression[] = [];
  readonly #ownKeys: number;

  constructor(query: Resolved, tableColumns: readonly Column[]) {
    this.#query = query;
    this.#tableColumns = tableColumns;
    this.#keys = [...query.groupBy];
    this.#ownKeys = query.groupBy.length;
  }

  plan(): QueryPlan {
    const query = this.#query;
    const items = query.items.map((item) => ({ ...item, expression: this.#merged(item.expression) }));
    const having = query.having === undefined ? undefined : this.#merged(query.having);
    const orderBy = query.orderBy.map((term) => ({ ...term, expression: this.#merged(term.expression) }));
    const shipped = [...this.#keys, ...this.#values];
    return {
      partial: {
        ...query,
        items: shipped.map(bare),
        groupBy: this.#keys,
        having: undefined,
        orderBy: [],
        limit: undefined,
        offset: undefined,
      },
      columns: [
        ...this.#keys.map((key, index) => ({ name: `g${index}`, affinity: this.#affinity(key) })),
        ...this.#values.map((_, index) => ({ name: `p${index}`, affinity: '' as const })),
      ],
      merge: {
        ...over(items, query),
        groupBy: query.groupBy.map((_, index) => column(`g${index}`)),
        having,
        orderBy,
      },
    };
  }

  #merged(expression: Expression): Expression {
    const key = this.#keys.slice(0, this.#ownKeys).findIndex((known) => sameExpression(known, expression));
    if (key >= 0) return column(`g${key}`);
    if (isAggregateCall(expression)) return this.#aggregate(expression);
    return mapOperands(expression, (operand) => this.#merged(operand));
  }

  #aggregate(aggregate: Expression & { readonly kind: 'call' }): Expression {
    const { name, distinct, arguments: operands } = aggregate;
    const [operand] = operands;
    if (distinct && operand !== undefined && name !== 'min' && name !== 'max')
      return { ...aggregate, arguments: [this.#distinct(operand)] };
    switch (name) {
      case 'count':
        return call('coalesce', call('sum', this.#shipped(aggregate)), number(0));
      case 'avg': {
        const sum = call('total', this.#shipped({ ...aggregate, name: 'total' }));
        const count = call('sum', this.#shipped({ ...aggregate, name: 'count' }));
        return { kind: 'binary', operator: '/', left: sum, right: call('nullif', count, number(0)) };
      }
      default:
        return call(name, this.#shipped({ ...aggregate, distinct: false }));
    }
  }

  #shipped(aggregate: Expression): Expression {
    const found = this.#values.findIndex((known) => sameExpression(known, aggregate));
    return column(`p${found >= 0 ? found : this.#values.push(aggregate) - 1}`);
  }

  #distinct(operand: Expression): Expression {
    const found = this.#keys.findIndex((known) => sameExpression(known, operand));
    return column(`g${found >= 0 ? found : this.#keys.push(operand) - 1}`);
  }

  /**
   * A key keeps the affinity that its declared type gives, because HAVING may compare it with text. Where files were
   * mapped to several types the operators have none for it, and group 5 and '5' apart: here they become one, whoever
   * asks.
   */
  #affinity(key: Expression): Affinity {
    if (key.kind === 'cast') return key.type;
    if (key.kind !== 'column') return '';
    const declared = this.#tableColumns.find(({ name }) => name === key.name);
    const affinity = declared === undefined ? 'BLOB' : neededAffinity(declared.type);
    return affinity === 'BLOB' ? '' : affinity;
  }
}
