import fc from 'fast-check';

/** Generates the text of SELECTs that SQLite and we both understand. */

const COLUMNS = ['a', 'b', 'c', '"any"', '"select ""x"""', 'A', 'readings.b'];
const LITERALS = ['0', '1', '2', '-3', '2.5', '1e1', "'x'", "'5'", "''", "'it''s'", 'NULL', '+4', '.5'];
const BINARY = [
  '+',
  '-',
  '*',
  '/',
  '%',
  '||',
  '=',
  '==',
  '<>',
  '!=',
  '<',
  '<=',
  '>',
  '>=',
  'IS',
  'is not',
  'AND',
  'or',
];

const expressionTies = fc.letrec<{ expression: string; leaf: string }>((tie) => ({
  leaf: fc.oneof(fc.constantFrom(...COLUMNS), fc.constantFrom(...LITERALS)),
  expression: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.tuple(tie('expression'), fc.constantFrom(...BINARY), tie('expression')).map((parts) => parts.join(' ')),
    fc.tuple(tie('expression'), tie('expression')).map(([a, b]) => `(${a})*(${b})`),
    tie('expression').map((a) => `NOT ${a}`),
    tie('leaf').map((a) => `- ${a}`),
    tie('expression').map((a) => `(${a}) IS NOT NULL`),
    tie('leaf').map((a) => `${a} isnull`),
    tie('leaf').map((a) => `${a} NOT NULL`),
    fc.tuple(tie('leaf'), tie('leaf'), tie('leaf')).map(([a, b, c]) => `${a} BETWEEN ${b} AND ${c}`),
    fc.tuple(tie('leaf'), tie('leaf'), tie('leaf')).map(([a, b, c]) => `${a} not between ${b} and ${c}`),
    fc.tuple(tie('leaf'), fc.array(tie('leaf'), { maxLength: 3 })).map(([a, list]) => `${a} IN (${list.join(',')})`),
    fc.tuple(tie('leaf'), tie('leaf')).map(([a, b]) => `${a} NOT IN (${b})`),
    fc.tuple(tie('leaf'), fc.constantFrom("'%x%'", "'_'", "'x'")).map(([a, b]) => `${a} LIKE ${b}`),
    tie('leaf').map((a) => `(${a} like '!%%' escape '!')`),
    tie('leaf').map((a) => `${a} GLOB 'x*'`),
    fc.tuple(tie('expression'), tie('leaf')).map(([a, b]) => `CASE WHEN ${a} THEN ${b} ELSE a END`),
    fc.tuple(tie('leaf'), tie('leaf')).map(([a, b]) => `case ${a} when ${b} then 1 end`),
    fc.tuple(tie('expression'), fc.constantFrom('INTEGER', 'text', 'REAL')).map(([a, t]) => `CAST(${a} AS ${t})`),
    fc.tuple(tie('leaf'), tie('leaf')).map(([a, b]) => `coalesce(${a}, ${b}, 7)`),
    tie('leaf').map((a) => `abs(${a})`),
    tie('leaf').map((a) => `round(${a}, 1)`),
    tie('leaf').map((a) => `LENGTH(${a})`),
    tie('leaf').map((a) => `substr(${a}, 1, 2)`),
    fc.tuple(tie('leaf'), tie('leaf')).map(([a, b]) => `max(${a}, ${b})`),
  ),
}));
const expression = expressionTies.expression;

const optional = (clause: fc.Arbitrary<string>): fc.Arbitrary<string> => fc.option(clause, { nil: '' });

/** Ordered by all columns, so that the order is certain but for equal rows. */
const ordering = (width: number): fc.Arbitrary<string> =>
  fc.tuple(fc.constantFrom('', ' desc', ' ASC', ' nulls last'), fc.boolean()).map(([direction, down]) => {
    const terms = Array.from({ length: width }, (_, index) => `${index + 1}${direction}`);
    return ` ORDER BY ${(down ? terms.reverse() : terms).join(', ')}`;
  });

const limited = (width: number): fc.Arbitrary<string> =>
  fc
    .tuple(ordering(width), fc.nat({ max: 6 }), optional(fc.nat({ max: 4 }).map((offset) => ` OFFSET ${offset}`)))
    .map(([order, limit, offset]) => `${order} LIMIT ${limit}${offset}`);

const tail = (width: number): fc.Arbitrary<string> => fc.oneof(fc.constant(''), ordering(width), limited(width));

/** A query without groups. */
export const rowQuery = fc
  .tuple(fc.array(expression, { minLength: 1, maxLength: 3 }), optional(expression), fc.boolean())
  .chain(([items, where, distinct]) =>
    tail(items.length).map(
      (end) =>
        `select ${distinct ? 'DISTINCT ' : ''}${items.join(', ')} FROM readings${where && ` WHERE ${where}`}${end}`,
    ),
  );

const AGGREGATES = [
  'count(*)', 'COUNT(a)', 'sum(a)', 'sum(b)', 'sum("any")', 'total(a)', 'min(b)', 'MAX(c)', 'min("any")', 'avg(a)', 'avg(b)',
  'count(distinct a)', 'count(DISTINCT "any")', 'sum(distinct b)', 'avg(distinct a)', 'min(distinct c)', 'max(a) - min(a)',
  'sum(a) / count(*)', 'count(*) + 1', 'coalesce(max(c), 7)', 'count(1)', 'sum(1)', 'avg(a + b)', 'sum(a * 2)', 'count(case when a > 2 then 1 end)',
]; // prettier-ignore
const KEYS = ['a', 'c', 'b', 'a % 3', "c || 'x'", 'length(c)', 'a > 0', '"select ""x"""'];
const HAVING = [
  'count(*) > 1', 'sum(a) IS NOT NULL', 'min(b) < 2', 'max(a) > avg(a)', 'count(distinct c) = 1', "max(c) > '5'", 'sum(a) in (0, 1, 2)',
]; // prettier-ignore

/** A query with groups or aggregates; keys may be compared with values of another type. */
export const groupedQuery = fc
  .record({
    keys: fc.uniqueArray(fc.constantFrom(...KEYS), { maxLength: 2 }),
    aggregates: fc.array(fc.constantFrom(...AGGREGATES), { minLength: 1, maxLength: 4 }),
    where: optional(expression),
    having: optional(fc.constantFrom(...HAVING)),
    ordinals: fc.boolean(),
    compare: fc.constantFrom('', " > '1'", ' > 1', " = '5'", ' = 5'),
  })
  .chain(({ keys, aggregates, where, having, ordinals, compare }) => {
    const items = [...keys, ...aggregates];
    const groups = ordinals ? keys.map((_, index) => String(index + 1)) : keys;
    const keyTest =
      keys[0] === undefined || compare === '' ? '' : `${keys[0].includes('||') ? 'c' : keys[0]}${compare}`;
    const tests = [having, keys[0]?.includes('||') === true ? '' : keyTest].filter((test) => test !== '');
    const clauses = [
      where && ` where ${where}`,
      keys.length > 0 ? ` GROUP BY ${groups.join(', ')}` : '',
      tests.length > 0 ? ` HAVING ${tests.map((test) => `(${test})`).join(' AND ')}` : '',
    ];
    return tail(items.length).map((end) => `SELECT ${items.join(', ')} from readings${clauses.join('')}${end}`);
  });
