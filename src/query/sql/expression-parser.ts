import { SQL_CHAIN_TERMS_MAX, SQL_CONCATENATIONS_MAX, SQL_DEPTH_MAX } from '../../base/limits.ts';
import { type BinaryOperator, type Expression, number, type Shift } from './ast.ts';
import { castType, POSTFIX_CASTS, postfixCast } from './casts.ts';
import { timeUnit } from './units.ts';
import { TokenReader } from './token-reader.ts';

/** How strongly operators bind, as in SQLite; `NOT` before an expression stands between AND and the comparisons. */
const OR = 1;
const AND = 2;
const NOT = 3;
const EQUALITY = 4;
const RELATION = 5;
const SUM = 6;
const PRODUCT = 7;
const CONCATENATION = 8;

const BINARY: Readonly<Record<string, readonly [BinaryOperator, number]>> = {
  '=': ['=', EQUALITY],
  '==': ['=', EQUALITY],
  '<>': ['<>', EQUALITY],
  '!=': ['<>', EQUALITY],
  '<': ['<', RELATION],
  '<=': ['<=', RELATION],
  '>': ['>', RELATION],
  '>=': ['>=', RELATION],
  '+': ['+', SUM],
  '-': ['-', SUM],
  '*': ['*', PRODUCT],
  '/': ['/', PRODUCT],
  '%': ['%', PRODUCT],
  '||': ['||', CONCATENATION],
};

/** Expressions by precedence climbing. */
export class ExpressionParser extends TokenReader {
  #depth = 0;
  #concatenations = 0;

  expression(): Expression {
    return this.#climb(OR);
  }

  #climb(binding: number): Expression {
    this.#deeper();
    let left = this.#operand();
    for (let links = 0; ; links += 1) {
      if (links > SQL_DEPTH_MAX) throw this.refuse('SQL_TOO_DEEP', `more than ${SQL_DEPTH_MAX} operators in a row`);
      const further = this.#chain(left, binding) ?? this.#test(left, binding) ?? this.#binary(left, binding);
      if (further === undefined) break;
      left = further;
    }
    this.#depth -= 1;
    return left;
  }

  #deeper(): void {
    this.#depth += 1;
    if (this.#depth > SQL_DEPTH_MAX)
      throw this.refuse('SQL_TOO_DEEP', `expressions are nested deeper than ${SQL_DEPTH_MAX} levels`);
  }

  #chain(first: Expression, binding: number): Expression | undefined {
    const operator = this.atWord('AND') ? 'AND' : this.atWord('OR') ? 'OR' : undefined;
    if (operator === undefined || (operator === 'AND' ? AND : OR) < binding) return undefined;
    const terms = [first];
    while (this.takeWord(operator)) {
      terms.push(this.#climb(operator === 'AND' ? NOT : AND));
      if (terms.length > SQL_CHAIN_TERMS_MAX)
        throw this.refuse('SQL_TOO_COMPLEX', `${operator} joins more than ${SQL_CHAIN_TERMS_MAX} terms`);
    }
    return { kind: 'chain', operator, terms };
  }

  #binary(left: Expression, binding: number): Expression | undefined {
    const token = this.peek();
    const known = token.kind === 'sign' ? BINARY[token.value] : undefined;
    if (known === undefined || known[1] < binding) return undefined;
    this.next();
    const [operator, strength] = known;
    if (operator === '||' && (this.#concatenations += 1) > SQL_CONCATENATIONS_MAX)
      throw this.refuse('SQL_TOO_COMPLEX', `more than ${SQL_CONCATENATIONS_MAX} uses of ||`, token.at);
    return { kind: 'binary', operator, left, right: this.#climb(strength + 1) };
  }

  /** IS, IN, BETWEEN, LIKE, ISNULL and their negations: all of the strength of `=`. */
  #test(operand: Expression, binding: number): Expression | undefined {
    if (binding > EQUALITY) return undefined;
    if (this.takeWord('ISNULL')) return { kind: 'is null', negated: false, operand };
    if (this.takeWord('NOTNULL')) return { kind: 'is null', negated: true, operand };
    if (this.takeWord('IS')) return this.#is(operand);
    const negated = this.atWord('NOT');
    const word = this.peek(negated ? 1 : 0);
    if (word.kind !== 'word') return undefined;
    const test = word.value.toUpperCase();
    if (negated && test === 'NULL') {
      this.next();
      this.next();
      return { kind: 'is null', negated, operand };
    }
    if (!['IN', 'BETWEEN', 'LIKE', 'GLOB'].includes(test)) return undefined;
    if (negated) this.next();
    this.next();
    if (test === 'IN') return { kind: 'in', negated, operand, list: this.#inList() };
    if (test === 'BETWEEN') {
      const low = this.#climb(RELATION);
      this.expectWord('AND');
      return { kind: 'between', negated, operand, low, high: this.#climb(RELATION) };
    }
    const pattern = this.#climb(RELATION);
    const escape = this.takeWord('ESCAPE') ? this.#escape() : undefined;
    return { kind: 'like', operator: test === 'GLOB' ? 'GLOB' : 'LIKE', negated, operand, pattern, escape };
  }

  /** A literal: SQLite would fail at the first row where it is not one character. */
  #escape(): Expression {
    const token = this.peek();
    if (token.kind !== 'text' || !/^.$/su.test(token.value))
      throw this.refuse('SQL_SYNTAX', 'ESCAPE takes one character in single quotes');
    this.next();
    return { kind: 'text', value: token.value };
  }

  #is(left: Expression): Expression {
    const negated = this.takeWord('NOT');
    // `IS TRUE` asks for truth, `IS 1` for equality: refused rather than confused.
    if (this.atWord('TRUE') || this.atWord('FALSE') || this.atWord('DISTINCT'))
      throw this.refuse('SQL_NOT_SUPPORTED', 'after IS only NULL or a value is accepted');
    const right = this.#climb(RELATION);
    if (right.kind === 'null') return { kind: 'is null', negated, operand: left };
    return { kind: 'binary', operator: negated ? 'IS NOT' : 'IS', left, right };
  }

  #inList(): readonly Expression[] {
    this.expectSign('(');
    this.#refuseSelect();
    if (this.takeSign(')')) return [];
    const list = this.list(() => this.expression());
    this.expectSign(')');
    return list;
  }

  #refuseSelect(): void {
    if (this.atWord('SELECT') || this.atWord('WITH') || this.atWord('VALUES'))
      throw this.refuse('SQL_NOT_SUPPORTED', 'a SELECT inside the SELECT is not accepted');
  }

  #operand(): Expression {
    const token = this.peek();
    if (this.takeWord('NOT')) {
      if (this.atWord('EXISTS')) throw this.refuse('SQL_NOT_SUPPORTED', 'EXISTS is not accepted');
      return { kind: 'unary', operator: 'NOT', operand: this.#climb(NOT) };
    }
    if (token.kind === 'sign' && (token.value === '-' || token.value === '+')) {
      this.next();
      this.#deeper();
      const operand = this.#operand();
      this.#depth -= 1;
      return { kind: 'unary', operator: token.value, operand };
    }
    let operand = this.#primary();
    for (let casts = 0; this.takeSign('::'); casts += 1) {
      if (casts > 8) throw this.refuse('SQL_TOO_DEEP', 'more than 8 casts in a row');
      operand = this.#postfixCast(operand);
    }
    return operand;
  }

  #primary(): Expression {
    const token = this.peek();
    if (token.kind === 'number') return this.#number();
    if (token.kind === 'text') {
      this.next();
      return { kind: 'text', value: token.value };
    }
    if (this.takeSign('(')) {
      this.#refuseSelect();
      const inner = this.expression();
      this.expectSign(')');
      return inner;
    }
    if (this.takeWord('NULL')) return { kind: 'null' };
    if (this.takeWord('CASE')) return this.#case();
    if (this.takeWord('CAST')) return this.#cast();
    if (this.atWord('EXISTS')) throw this.refuse('SQL_NOT_SUPPORTED', 'EXISTS is not accepted');
    const name = this.name('a value, a column or a function');
    if (this.atSign('(') && token.kind === 'word') return this.#call(name.toLowerCase(), token.at);
    const constant = token.kind === 'word' && !this.atSign('.') ? this.#constant(name, token.at) : undefined;
    if (constant !== undefined) return constant;
    if (!this.takeSign('.')) return { kind: 'column', name, qualifier: undefined, at: token.at };
    return { kind: 'column', name: this.name('a column'), qualifier: name, at: token.at };
  }

  /** A date without its quotes would be a difference, and compare with nothing that was meant. */
  #number(): Expression {
    const { at, value } = this.next();
    if (/^\d{4}-\d{2}-\d{2}(?![\d.])/.test(this.sql.slice(at, at + 11)))
      throw this.refuse('SQL_SYNTAX', 'a date stands in single quotes', at);
    return { kind: 'number', text: value };
  }

  /** A word that is no column, whatever the table has. */
  #constant(name: string, at: number): Expression | undefined {
    if (/^(?:true|false)$/i.test(name)) return number(/^t/i.test(name) ? 1 : 0);
    if (/^current_timestamp$/i.test(name)) return { kind: 'now', shifts: this.#shifts() };
    if (/^now$/i.test(name) && this.#atShift())
      throw this.refuse('SQL_SYNTAX', 'now has parentheses: now() - 3 days', at);
    return undefined;
  }

  #call(name: string, at: number): Expression {
    this.expectSign('(');
    this.#refuseSelect();
    const done = (parts: { distinct?: boolean; star?: boolean; operands?: readonly Expression[] }): Expression => {
      this.expectSign(')');
      for (const word of ['OVER', 'FILTER'])
        if (this.atWord(word)) throw this.refuse('SQL_NOT_SUPPORTED', `${word} is not accepted`);
      const { distinct = false, star = false, operands = [] } = parts;
      return { kind: 'call', name, arguments: operands, distinct, star, at };
    };
    if (name === 'now' && this.takeSign(')')) return { kind: 'now', shifts: this.#shifts() };
    if (name === 'period' || name === 'increments') return done({ operands: this.#timeArguments(name) });
    if (this.takeSign('*')) return done({ star: true });
    if (this.atSign(')')) return done({});
    const distinct = this.takeWord('DISTINCT');
    return done({ distinct, operands: this.list(() => this.expression()) });
  }

  /** `unit, count, …`: the unit is a bare word; `period` may end with `, and condition`. */
  #timeArguments(name: string): readonly Expression[] {
    const unit = this.next();
    if (timeUnit(unit.value) === undefined)
      throw this.refuse('SQL_ARGUMENTS', `${name} begins with a unit of time: ${name}(minute, 1, …)`, unit.at);
    const operands: Expression[] = [{ kind: 'text', value: unit.value }];
    while (this.takeSign(',')) {
      if (name === 'period') this.takeWord('AND');
      operands.push(this.expression());
    }
    return operands;
  }

  #atShift(): boolean {
    const isUnit = this.peek(2).kind === 'word' && timeUnit(this.peek(2).value) !== undefined;
    return (this.atSign('-') || this.atSign('+')) && this.peek(1).kind === 'number' && isUnit;
  }

  /** `- 3 days`, `+1hour`, …, as often as written, after `now()`. */
  #shifts(): readonly Shift[] {
    const shifts: Shift[] = [];
    while (this.atSign('-') || this.atSign('+')) {
      const sign = this.peek().value === '-' ? -1 : 1;
      const unit = timeUnit(this.peek(2).value);
      if (this.peek(1).kind !== 'number' || this.peek(2).kind !== 'word' || unit === undefined)
        throw this.refuse(
          'SQL_SYNTAX',
          'a time span such as `3 days` is expected after now() and a sign',
          this.peek(1).at,
        );
      this.next();
      shifts.push({ count: sign * this.count('a time span'), unit });
      this.next();
    }
    return shifts;
  }

  #case(): Expression {
    const operand = this.atWord('WHEN') ? undefined : this.expression();
    const branches: { when: Expression; then: Expression }[] = [];
    while (this.takeWord('WHEN')) {
      const when = this.expression();
      this.expectWord('THEN');
      branches.push({ when, then: this.expression() });
    }
    if (branches.length === 0) throw this.refuse('SQL_SYNTAX', 'WHEN is expected here');
    const otherwise = this.takeWord('ELSE') ? this.expression() : undefined;
    this.expectWord('END');
    return { kind: 'case', operand, branches, otherwise };
  }

  #cast(): Expression {
    this.expectSign('(');
    const operand = this.expression();
    this.expectWord('AS');
    const token = this.peek();
    const type = castType(this.name('a type').toLowerCase());
    if (type === undefined)
      throw this.refuse('SQL_NOT_SUPPORTED', 'this type is not accepted: int, float, text, numeric are', token.at);
    if (this.takeSign('(')) {
      this.count('the length of a type');
      this.expectSign(')');
    }
    this.expectSign(')');
    return { kind: 'cast', operand, type };
  }

  /** `x::float(2)`, `x::int`, `x::str`, `x::ljust(19)`, `x::rjust(8)`, `x::lstrip`, `x::rstrip`. */
  #postfixCast(operand: Expression): Expression {
    const token = this.peek();
    const word = this.name('a cast').toLowerCase();
    const argument = this.takeSign('(') ? this.count(`::${word}`) : undefined;
    if (argument !== undefined) this.expectSign(')');
    const cast = postfixCast(word, operand, argument);
    if (cast !== undefined) return cast;
    throw this.refuse(
      'SQL_NOT_SUPPORTED',
      `the cast ::${word} is not accepted in this form: ${POSTFIX_CASTS} are`,
      token.at,
    );
  }
}
