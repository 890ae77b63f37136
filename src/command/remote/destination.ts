import { fault } from '../../base/errors.ts';
import { COMMAND_TIMEOUT_MS, COMMAND_NODES_MAX } from '../../base/limits.ts';
import { parseSpan } from '../grammar/dates.ts';
import { checkCommandText, isKeyword, tokenize, type Token } from '../grammar/lexer.ts';
import { readPairs } from '../grammar/pairs.ts';
import { quoted } from '../grammar/syntax.ts';
import { textOfValue, valueOfRun, type Lookup } from '../grammar/values.ts';

/** To whom a command goes, and how. */
export interface Destination {
  readonly to:
    /** `()`: the network decides; for `sql` only. */
    | { readonly kind: 'network' }
    | { readonly kind: 'addresses'; readonly addresses: readonly string[] }
    /** Operators of a table. */
    | { readonly kind: 'table'; readonly dbms: string; readonly table: string }
    /** `blockchain get …` that gives addresses. */
    | { readonly kind: 'policies'; readonly get: string };
  /** Answer with what came in. */
  readonly subset: boolean;
  readonly timeoutMs: number;
}

const NO_ADDRESS = 'expected (IP:PORT, …), (dbms = D and table = T), (TYPE where …), (blockchain get …) or ()';

const wrongDestination = (text: string): Error =>
  fault('COMMAND_DESTINATION', `${quoted(text)} is not a destination`, { hint: NO_ADDRESS });

type Setting = 'subset' | 'timeout';

const SETTING = /^(subset|timeout)\s*=\s*([\w.]{1,20}(?:\s+[a-z]{1,10})?)$/i;
const SETTING_CHARS_MAX = 64;

/** Takes `…, subset = true, timeout = 5` off the end, each once; commas before that belong to the target. */
const splitSettings = (text: string): { readonly target: string } & Omit<Destination, 'to'> => {
  const settings = new Map<Setting, string>();
  let target = text.trim();
  for (;;) {
    const comma = target.lastIndexOf(',');
    const last = target.slice(comma + 1).trim();
    const found = last.length > SETTING_CHARS_MAX ? null : SETTING.exec(last);
    if (found === null) break;
    const name = found[1]?.toLowerCase() === 'subset' ? 'subset' : 'timeout';
    if (settings.has(name))
      throw fault('COMMAND_DESTINATION', `the setting ${name} stands twice`, { hint: 'subset and timeout once each' });
    settings.set(name, found[2] ?? '');
    target = target.slice(0, Math.max(0, comma)).trim();
  }
  const timeout = settings.get('timeout');
  return {
    target,
    subset: settings.get('subset')?.toLowerCase() === 'true',
    timeoutMs: timeout === undefined ? COMMAND_TIMEOUT_MS : Math.max(1, parseSpan(timeout)),
  };
};

/** `ip:port`, `ip port`, lists of both with commas or blanks. */
const readAddresses = (text: string): readonly string[] => {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const addresses: string[] = [];
  for (let at = 0; at < words.length; at += 1) {
    const word = words[at] as string;
    const next = words[at + 1];
    if (/^\d{1,5}$/.test(next ?? '') && !/:\d{1,5}$/.test(word)) {
      addresses.push(`${word}:${next ?? ''}`);
      at += 1;
    } else addresses.push(word);
  }
  for (const address of addresses) {
    const port = Number(/^(?:\[[0-9a-fA-F:]+\]|[^\s:/()=]+):(\d{1,5})$/.exec(address)?.[1] ?? Number.NaN);
    if (!(port <= 65_535)) throw wrongDestination(address);
  }
  if (addresses.length > COMMAND_NODES_MAX)
    throw fault('COMMAND_DESTINATION', `${addresses.length} destinations; at most ${COMMAND_NODES_MAX}`);
  return [...new Set(addresses)];
};

const IP_ALONE = /^\d{1,3}(?:\.\d{1,3}){3}$/;

const readTarget = (text: string, tokens: readonly Token[], lookup: Lookup): Destination['to'] => {
  const first = tokens[0];
  if (first === undefined) return { kind: 'network' };
  if (isKeyword(first, 'blockchain') || isKeyword(first, 'ledger')) return { kind: 'policies', get: text };
  if (tokens.some((token) => isKeyword(token, 'where'))) return { kind: 'policies', get: `blockchain get ${text}` };
  if (tokens.some((token) => token.kind === 'equals')) {
    const pairs = new Map(readPairs(tokens).map(({ key, value }) => [key, textOfValue(valueOfRun(value, lookup))]));
    const [dbms, table] = [pairs.get('dbms'), pairs.get('table')];
    if (dbms === undefined || table === undefined || pairs.size !== 2) throw wrongDestination(text);
    return { kind: 'table', dbms: dbms.toLowerCase(), table: table.toLowerCase() };
  }
  if (tokens.length === 1 && IP_ALONE.test(first.raw))
    throw fault('COMMAND_DESTINATION', `${first.raw} names no port`, { hint: `write: (${first.raw}:PORT)` });
  if (tokens.length === 1 && (first.kind === 'word' || first.kind === 'group') && !first.text.includes(':'))
    return { kind: 'policies', get: `blockchain get ${first.raw}` };
  return { kind: 'addresses', addresses: readAddresses(textOfValue(valueOfRun(tokens, lookup))) };
};

/**
 * Reads what stands in the parentheses of `run client (…)`. Throws `COMMAND_DESTINATION`, `COMMAND_SYNTAX`,
 * `COMMAND_SPAN`.
 */
export const parseDestination = (text: string, lookup: Lookup): Destination => {
  checkCommandText(text);
  const { target, ...settings } = splitSettings(text);
  return { to: readTarget(target, tokenize(target), lookup), ...settings };
};
