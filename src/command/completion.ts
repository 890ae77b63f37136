import { COMPLETIONS_MAX } from '../base/limits.ts';
import { KNOWN_TYPES } from '../policy/kinds/registry.ts';
import { tokenize, type Token } from './grammar/lexer.ts';
import type { OptionTable } from './options.ts';
import type { Command, Registry } from './registry.ts';

/** Nobody completes by hand what is longer. */
const COMPLETED_CHARS_MAX = 1_024;

/** Ways to go on from what has been typed; none where it cannot be read. */
export const completed = (registry: Registry, prefix: string): readonly string[] => {
  if (prefix.length > COMPLETED_CHARS_MAX) return [];
  try {
    return complete(registry, prefix, tokenize(prefix));
  } catch {
    return [];
  }
};

const HELP = /^help /i;
const LEDGER = /^ledger(?= )/i;
const POLICY_TYPE = /^(blockchain (?:get|read) )(\w*)$/i;

/** Whole lines that go on from the prefix: the words of commands, then options and their values. */
export const complete = (registry: Registry, prefix: string, tokens: readonly Token[]): readonly string[] => {
  const typed = prefix.replace(/^\s+/, '').replace(/\s+/g, ' ');
  const help = HELP.exec(typed)?.[0];
  if (help !== undefined) return leadsFrom(registry, typed.slice(help.length)).map((lead) => help + lead);
  const ledger = LEDGER.exec(typed)?.[0];
  const spelt = typed.replace(LEDGER, 'blockchain');
  const lines = new Set([...leadsFrom(registry, spelt), ...typeLines(spelt), ...optionLines(registry, spelt, tokens)]);
  return [...lines]
    .slice(0, COMPLETIONS_MAX)
    .map((line) => (ledger === undefined ? line : line.replace('blockchain', ledger)));
};

/** The first spellings that go on from what was typed; where there is none, the others that do. */
const leadsFrom = ({ commands }: Registry, typed: string): readonly string[] => {
  const lower = typed.toLowerCase();
  const leads = (first: boolean): readonly string[] =>
    commands
      .flatMap(({ patterns }) => (first ? patterns.slice(0, 1) : patterns.slice(1)))
      .map(({ lead }) => `${lead.join(' ')} `)
      .filter((lead) => lead.startsWith(lower) && lead !== lower);
  const firsts = leads(true);
  return [...new Set(firsts.length > 0 ? firsts : leads(false))];
};

/** The built-in types of policies; those of the ledger are the node's to say. */
const typeLines = (typed: string): readonly string[] => {
  const [, start, type] = POLICY_TYPE.exec(typed) ?? [];
  if (start === undefined || type === undefined || type === '') return [];
  return KNOWN_TYPES.filter((known) => known.startsWith(type.toLowerCase())).map((known) => `${start}${known} `);
};

const optionLines = (registry: Registry, typed: string, tokens: readonly Token[]): readonly string[] => {
  const command = registry.commandOf(tokens);
  if (command === undefined) return [];
  const { options } = command;
  const value = /^(.* (?:where|and) (\S+) ?= ?)(\S*)$/i.exec(typed);
  if (value !== null) {
    const [, start = '', key = '', begun = ''] = value;
    const choices = optionOf(options, key.toLowerCase())?.kind.choices ?? [];
    return choices.filter((choice) => choice.startsWith(begun.toLowerCase())).map((choice) => start + choice);
  }
  const key = /^(.* (?:where|and) )(\S*)$/i.exec(typed);
  if (key !== null)
    return Object.keys(options)
      .filter((name) => name.startsWith(key[2]?.toLowerCase() ?? ''))
      .map((name) => `${key[1] ?? ''}${name} = `);
  return whereLine(command, typed);
};

const optionOf = (options: OptionTable, key: string): OptionTable[string] | undefined =>
  Object.hasOwn(options, key) ? options[key] : Object.values(options).find(({ aliases }) => aliases.includes(key));

/** `where` behind the words of a command that has nothing but options to come. */
const whereLine = ({ patterns }: Command, typed: string): readonly string[] => {
  const said = /^(.* )(w?h?e?r?e?)$/i.exec(typed);
  if (said === null || !'where'.startsWith((said[2] ?? '').toLowerCase())) return [];
  const words = (said[1] ?? '').trim().toLowerCase();
  return patterns.some(({ text }) => text === words) ? [`${said[1] ?? ''}where `] : [];
};
