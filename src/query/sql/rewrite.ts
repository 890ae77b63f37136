import { kindOf } from '../../operator/values.ts';
import type { Column } from '../../topology/topology.ts';
import { type Expression, mapOperands } from './ast.ts';
import { argumentsOf, FUNCTION_NAMES, isAggregate, isDateFunction } from './functions.ts';
import { sqlFault } from './sql-faults.ts';
import { type Micros, modified, dateText, microsOf, shifted, timestampText } from './times.ts';
import { timeUnit } from './units.ts';

/** What names and `now()` mean; without `columns` any name may be a column. */
export interface RewriteContext {
  readonly columns: readonly Column[] | undefined;
  readonly now: Micros;
  /** What may stand before a column and a dot. */
  readonly names: readonly string[];
}

/** Modifiers of SQLite's date functions that mean the same on every node, besides shifts and `start of …`. */
const MODIFIERS = /^(?:weekday [0-6]|unixepoch|julianday|auto|subsec|subsecond)$/i;

/** Year, month and day, whatever follows. */
const WRITTEN_AS_DATE = /^\s*\d{4}-\d{1,2}-\d{1,2}(?!\d)/;

/** Functions and aggregates whose result is one of their arguments' values. */
const ONE_OF_ITS_VALUES = new Set(['min', 'max', 'coalesce', 'ifnull', 'nullif']);

/** Turns what a user may write into what may be printed; refuses what is not on the lists. */
export class Rewriter {
  readonly #sql: string;
  readonly #context: RewriteContext;
  readonly #byName: ReadonlyMap<string, Column> | undefined;

  constructor(sql: string, context: RewriteContext) {
    this.#sql = sql;
    this.#context = context;
    this.#byName = context.columns && new Map(context.columns.map((column) => [column.name.toLowerCase(), column]));
  }

  /** `alias` gives the expression of a name that is no column. */
  rewrite(expression: Expression, alias: (name: string) => Expression | undefined = () => undefined): Expression {
    if (expression.kind === 'column') return this.#column(expression, alias);
    if (expression.kind === 'now') return this.#now(expression);
    const rewritten = mapOperands(expression, (operand) => this.rewrite(operand, alias));
    const called = rewritten.kind === 'call' ? this.#call(rewritten) : rewritten;
    return this.#withDates(called);
  }

  #column(
    expression: Expression & { readonly kind: 'column' },
    alias: (name: string) => Expression | undefined,
  ): Expression {
    const { name, qualifier, at } = expression;
    if (
      qualifier !== undefined &&
      !this.#context.names.some((known) => known.toLowerCase() === qualifier.toLowerCase())
    )
      throw this.#fault('SQL_NO_COLUMN', at, `${qualifier} is not the table that is read`);
    if (this.#byName === undefined) return { ...expression, qualifier: undefined };
    const known = this.#byName.get(name.toLowerCase());
    if (known !== undefined) return { kind: 'column', name: known.name, qualifier: undefined, at };
    const aliased = qualifier === undefined ? alias(name) : undefined;
    if (aliased !== undefined) return aliased;
    const columns = [...this.#byName.values()].map((column) => column.name).slice(0, 50);
    throw this.#fault(
      'SQL_NO_COLUMN',
      at,
      `the table has no column ${name}`,
      `its columns are ${columns.join(', ')}; a text value stands in single quotes`,
    );
  }

  #now({ shifts }: Expression & { readonly kind: 'now' }): Expression {
    return this.#timestamp(shifts.reduce(shifted, this.#context.now));
  }

  #timestamp(at: Micros): Expression {
    const value = timestampText(at);
    if (value === undefined) throw this.#fault('SQL_ARGUMENTS', 0, 'a date lies outside the years 0 to 9999');
    return { kind: 'text', value };
  }

  #call(call: Expression & { readonly kind: 'call' }): Expression {
    const { name, arguments: operands, star, distinct, at } = call;
    const aggregate = isAggregate(name, operands.length);
    const bounds =
      aggregate && name !== 'count' ? ([1, 1] as const) : aggregate ? ([0, 1] as const) : argumentsOf(name);
    if (bounds === undefined)
      throw this.#fault(
        'SQL_FUNCTION',
        at,
        `the function ${name} is not accepted`,
        `accepted are ${FUNCTION_NAMES.join(', ')}`,
      );
    const [fewest, most] = bounds;
    const counted = star ? name === 'count' : operands.length >= fewest && operands.length <= most;
    if (!counted || (distinct && (!aggregate || operands.length === 0)))
      throw this.#fault('SQL_ARGUMENTS', at, `${name} does not take these arguments`);
    if (name === 'count' && !star && operands.length === 0) return { ...call, star: true };
    if (name === 'range') {
      const over = (extreme: string): Expression => ({ ...call, name: extreme, distinct: false });
      return { kind: 'binary', operator: '-', left: over('max'), right: over('min') };
    }
    return isDateFunction(name) ? this.#date(call) : call;
  }

  /**
   * With a fixed date the value is made here, so that it is the same on every node; else SQLite makes it row by row.
   */
  #date(call: Expression & { readonly kind: 'call' }): Expression {
    const format = call.name === 'strftime' ? call.arguments.slice(0, 1) : [];
    const [subject, ...modifiers] = call.arguments.slice(format.length);
    if (subject === undefined) throw this.#fault('SQL_ARGUMENTS', call.at, `${call.name} needs a date`);
    const texts = modifiers.map((modifier) => this.#modifier(modifier, call.at));
    const given = subject.kind === 'text' ? this.#dateText(subject.value) : undefined;
    const start = given === undefined ? undefined : microsOf(given);
    const fixed = texts.reduce<Micros | undefined>((at, text) => (at === undefined ? at : modified(at, text)), start);
    const rest = modifiers.map((_, index): Expression => ({ kind: 'text', value: shiftWords(texts[index] ?? '') }));
    if (fixed === undefined) {
      const first = start === undefined ? subject : this.#timestamp(start);
      return {
        ...call,
        name: call.name === 'timestamp' ? 'datetime' : call.name,
        arguments: [...format, first, ...rest],
      };
    }
    const moment = this.#timestamp(fixed);
    if (call.name === 'timestamp') return moment;
    return { ...call, arguments: [...format, moment] };
  }

  #modifier(modifier: Expression, at: number): string {
    const text = modifier.kind === 'text' ? modifier.value.trim() : undefined;
    if (text === undefined || (modified(this.#context.now, text) === undefined && !MODIFIERS.test(text)))
      throw this.#fault('SQL_ARGUMENTS', at, "a date is changed by texts such as '-3 days' or 'start of month' only");
    return text;
  }

  /** A date beside a column of timestamps takes the form that the table holds: then texts compare as times do. */
  #withDates(expression: Expression): Expression {
    switch (expression.kind) {
      case 'binary':
        if (!['=', '<>', '<', '<=', '>', '>=', 'IS', 'IS NOT'].includes(expression.operator)) return expression;
        if (this.#isTimestamp(expression.left)) return { ...expression, right: this.#asDate(expression.right) };
        return this.#isTimestamp(expression.right)
          ? { ...expression, left: this.#asDate(expression.left) }
          : expression;
      case 'between':
        if (!this.#isTimestamp(expression.operand)) return expression;
        return { ...expression, low: this.#asDate(expression.low), high: this.#asDate(expression.high) };
      case 'in':
        if (!this.#isTimestamp(expression.operand)) return expression;
        return { ...expression, list: expression.list.map((value) => this.#asDate(value)) };
      case 'call':
        if (!this.#isTimestamp(expression)) return expression;
        return { ...expression, arguments: expression.arguments.map((value) => this.#asDate(value)) };
      default:
        return expression;
    }
  }

  /** A column of timestamps, or one of several values of which the first is such. */
  #isTimestamp(expression: Expression): boolean {
    if (expression.kind === 'call') {
      const [first] = expression.arguments;
      return ONE_OF_ITS_VALUES.has(expression.name) && first !== undefined && this.#isTimestamp(first);
    }
    if (expression.kind !== 'column') return false;
    return kindOf(this.#byName?.get(expression.name.toLowerCase())?.type ?? '') === 'timestamp';
  }

  #asDate(value: Expression): Expression {
    if (value.kind === 'call' && isDateFunction(value.name) && value.arguments.length === 1) {
      const [only] = value.arguments;
      if (only?.kind !== 'text' || (value.name !== 'date' && value.name !== 'datetime')) return value;
      return value.name === 'date' ? this.#asDate({ ...only, value: only.value.slice(0, 10) }) : this.#asDate(only);
    }
    const date = value.kind === 'text' ? this.#dateText(value.value) : undefined;
    return date === undefined ? value : { kind: 'text', value: date };
  }

  /** As {@link dateText}; what is written as a date and is none would compare as a text, and find what nobody meant. */
  #dateText(text: string): string | undefined {
    const date = dateText(text, this.#context.now);
    if (date === undefined && WRITTEN_AS_DATE.test(text))
      throw this.#fault(
        'SQL_ARGUMENTS',
        Math.max(0, this.#sql.indexOf(text)),
        'there is no such date or time',
        "a date is written '2026-01-31', '2026-01-31 10:20:30', '2026-01-31T10:20:30Z', or relative: now() - 3 days",
      );
    return date;
  }

  #fault(code: string, at: number, text: string, hint?: string): Error {
    return sqlFault(code, this.#sql, at, text, hint);
  }
}

/** `-30d` in SQLite's words. */
const shiftWords = (text: string): string => {
  const parts = /^([+-])\s*(\d+)\s*([a-z]+)$/i.exec(text);
  const unit = parts === null ? undefined : timeUnit(parts[3] ?? '');
  if (parts === null || unit === undefined) return text;
  const count = Number(parts[2]) * (unit === 'week' ? 7 : 1);
  return `${parts[1]}${count} ${unit === 'week' ? 'day' : unit}s`;
};
