import type { Expression, OrderTerm, Select, SelectItem } from './ast.ts';
import { ExpressionParser } from './expression-parser.ts';
import { periodOf } from './period.ts';

/**
 * Parses one plain SELECT of one table. Everything else is refused with a `SQL_…` error that names the position:
 * `SQL_NOT_A_SELECT`, `SQL_NOT_SUPPORTED`, `SQL_SYNTAX`, `SQL_COMMENT`, `SQL_CHARACTER`, `SQL_SEVERAL_STATEMENTS`,
 * `SQL_TOO_LONG`, `SQL_TOO_DEEP`, `SQL_TOO_COMPLEX`. Whether columns and functions exist is {@link resolve}'s matter.
 */
export const parseSelect = (sql: string): Select => new SelectParser(sql).select();

/** Keywords that open a part of SQL which is known and not accepted, and what it is called in the refusal. */
const REFUSED_CLAUSES: Readonly<Record<string, string>> = {
  JOIN: 'JOIN', INNER: 'JOIN', LEFT: 'JOIN', RIGHT: 'JOIN', FULL: 'JOIN', CROSS: 'JOIN', NATURAL: 'JOIN', OUTER: 'JOIN',
  UNION: 'UNION', INTERSECT: 'INTERSECT', EXCEPT: 'EXCEPT', WINDOW: 'a window', INDEXED: 'INDEXED BY',
  INTO: 'SELECT INTO', FOR: 'FOR', RETURNING: 'RETURNING',
}; // prettier-ignore

class SelectParser extends ExpressionParser {
  select(): Select {
    if (!this.takeWord('SELECT')) throw this.refuse('SQL_NOT_A_SELECT', 'only SELECT is accepted');
    const distinct = this.takeWord('DISTINCT');
    if (!distinct) this.takeWord('ALL');
    const items = this.list(() => this.item());
    this.expectWord('FROM');
    const from = this.from();
    const where = this.takeWord('WHERE') ? this.expression() : undefined;
    const { period, rest } = periodOf(where, this.sql);
    const select: Select = {
      distinct,
      items,
      ...from,
      where: rest,
      period,
      ...this.grouping(),
      orderBy: this.ordering(),
      ...this.limits(),
    };
    this.end();
    return select;
  }

  private item(): SelectItem {
    const first = this.peek();
    if (this.takeSign('*')) return { expression: undefined, alias: undefined, words: '*', at: first.at };
    const expression = this.expression();
    const words = this.wordsFrom(first.at);
    return { expression, alias: this.alias(), words, at: first.at };
  }

  private alias(): string | undefined {
    if (this.takeWord('AS')) {
      const token = this.peek();
      if (token.kind === 'text') return this.next().value;
      return this.name('a name after AS');
    }
    const token = this.peek();
    return token.kind === 'name' || (token.kind === 'word' && !this.atKeyword()) ? this.next().value : undefined;
  }

  private from(): { readonly table: string; readonly alias: string | undefined } {
    if (this.peek().value === '(') throw this.refuse('SQL_NOT_SUPPORTED', 'a SELECT inside the SELECT is not accepted');
    const table = this.name('the name of a table');
    if (this.peek().value === '.')
      throw this.refuse('SQL_NOT_SUPPORTED', 'the database is named before the SQL, not in it');
    if (this.peek().value === '(') throw this.refuse('SQL_NOT_SUPPORTED', 'a table function is not accepted');
    this.refuseClause();
    const alias = this.alias();
    this.refuseClause();
    if (this.peek().value === ',') throw this.refuse('SQL_NOT_SUPPORTED', 'only one table can be read; see `include`');
    return { table, alias };
  }

  private grouping(): { readonly groupBy: readonly Expression[]; readonly having: Expression | undefined } {
    this.refuseClause();
    let groupBy: readonly Expression[] = [];
    if (this.takeWord('GROUP')) {
      this.expectWord('BY');
      groupBy = this.list(() => this.expression());
    }
    return { groupBy, having: this.takeWord('HAVING') ? this.expression() : undefined };
  }

  /** Scripts in use write ORDER without BY. */
  private ordering(): readonly OrderTerm[] {
    this.refuseClause();
    if (!this.takeWord('ORDER')) return [];
    this.takeWord('BY');
    return this.list(() => {
      const expression = this.expression();
      const descending = this.takeWord('DESC');
      if (!descending) this.takeWord('ASC');
      return { expression, descending, nulls: this.nulls() };
    });
  }

  private nulls(): 'FIRST' | 'LAST' | undefined {
    if (!this.takeWord('NULLS')) return undefined;
    if (this.takeWord('FIRST')) return 'FIRST';
    this.expectWord('LAST');
    return 'LAST';
  }

  private limits(): { readonly limit: number | undefined; readonly offset: number | undefined } {
    if (!this.takeWord('LIMIT')) return { limit: undefined, offset: undefined };
    const first = this.count('LIMIT');
    if (this.takeSign(',')) return { limit: this.count('LIMIT'), offset: first };
    return { limit: first, offset: this.takeWord('OFFSET') ? this.count('OFFSET') : undefined };
  }

  private end(): void {
    this.refuseClause();
    const closed = this.takeSign(';');
    while (this.takeSign(';'));
    if (this.peek().kind === 'end') return;
    if (closed) throw this.refuse('SQL_SEVERAL_STATEMENTS', 'a second statement is not accepted');
    throw this.refuse('SQL_SYNTAX', 'the statement should have ended here');
  }

  private refuseClause(): void {
    const token = this.peek();
    const clause = token.kind === 'word' ? REFUSED_CLAUSES[token.value.toUpperCase()] : undefined;
    if (clause !== undefined) throw this.refuse('SQL_NOT_SUPPORTED', `${clause} is not accepted`);
  }
}
