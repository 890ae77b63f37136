import { COMPLETIONS_MAX } from '../base/limits.ts';
import { tokenize, type Token } from './grammar/lexer.ts';
import type { Registry } from './registry.ts';

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

/** Whole lines that go on from the prefix: the words of commands, then options and their values. */
export const complete = (registry: Registry, prefix: string, tokens: readonly Token[]): readonly string[] => {
  const typed = prefix.replace(/^\s+/, '').replace(/\s+/g, ' ');
  const lower = typed.toLowerCase();
  const lines = new Set<string>();
  for (const { patterns } of registry.commands) {
    const lead = `${patterns[0]?.lead.join(' ') ?? ''} `;
    if (lead.startsWith(lower)) lines.add(lead);
  }
  for (const line of optionLines(registry, typed, tokens)) lines.add(line);
  return [...lines].slice(0, COMPLETIONS_MAX);
};

const optionLines = (registry: Registry, typed: string, tokens: readonly Token[]): readonly string[] => {
  const options = registry.commandOf(tokens)?.options;
  if (options === undefined) return [];
  const start = /^(.* (?:where|and) )(\S*)$/i.exec(typed);
  const value = /^(.* (?:where|and) (\S+) ?= ?)(\S*)$/i.exec(typed);
  if (value !== null) {
    const choices = Object.hasOwn(options, value[2] ?? '') ? (options[value[2] ?? '']?.kind.choices ?? []) : [];
    return choices.filter((choice) => choice.startsWith(value[3] ?? '')).map((choice) => (value[1] ?? '') + choice);
  }
  if (start === null) return [];
  return Object.keys(options)
    .filter((name) => name.startsWith(start[2]?.toLowerCase() ?? ''))
    .map((name) => `${start[1] ?? ''}${name} = `);
};
