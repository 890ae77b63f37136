import { fault, type HoldfastError } from '../base/errors.ts';
import type { Token } from './grammar/lexer.ts';
import { editDistance } from './grammar/suggest.ts';
import { quoted } from './grammar/syntax.ts';
import type { Pattern } from './pattern.ts';

/** What commands are compared by. */
interface Spelled {
  readonly patterns: readonly Pattern[];
}

/** No command has more words, or longer ones. */
const WORDS_COMPARED = 16;
const WORD_CHARS_COMPARED = 64;
const NEAR_MAX = 3;

/** Why a line is no command (`COMMAND_UNKNOWN`), with those that may be meant. */
export const unknownCommand = (commands: readonly Spelled[], tokens: readonly Token[]): HoldfastError => {
  const near = nearTo(
    commands,
    tokens.slice(0, WORDS_COMPARED).map(({ raw }) => raw.slice(0, WORD_CHARS_COMPARED).toLowerCase()),
  );
  const ended = tokens.at(-1)?.raw.endsWith(';') === true;
  const howOn = near.length === 0 ? howToFind(commands, tokens) : `Maybe: ${near.join(', ')}`;
  return fault(
    'COMMAND_UNKNOWN',
    `unknown command ${quoted(
      tokens
        .slice(0, WORDS_COMPARED)
        .map(({ raw }) => raw)
        .join(' '),
    )}`,
    {
      data: { maybe: near, word: tokens[0]?.raw.slice(0, 200) ?? '' },
      hint: `${ended ? 'a command has no ; at its end. ' : ''}${howOn}`,
    },
  );
};

/** Commands that begin with the same word are seen by it; else those that have it further on are named. */
const howToFind = (commands: readonly Spelled[], tokens: readonly Token[]): string => {
  const first = tokens[0]?.raw.slice(0, WORD_CHARS_COMPARED).toLowerCase() ?? '';
  const isFirst = commands.some(({ patterns }) => patterns.some(({ lead }) => lead[0] === first));
  if (isFirst) return `see those that begin so: help ${first}`;
  const within = commands.map(({ patterns }) => patterns[0]?.lead ?? []).filter((lead) => lead.includes(first));
  if (within.length === 0) return 'see all commands: help';
  const shortest = within.sort((a, b) => a.length - b.length).slice(0, NEAR_MAX);
  return `Maybe: ${shortest.map((lead) => lead.join(' ')).join(', ')}`;
};

/**
 * Commands that begin with the same two words or more, or whose words are close to those typed: best first, at most
 * three.
 */
const nearTo = (commands: readonly Spelled[], words: readonly string[]): readonly string[] => {
  const near: { readonly text: string; readonly shared: number; readonly distance: number }[] = [];
  for (const { patterns } of commands) {
    const lead = patterns[0]?.lead ?? [];
    const text = lead.join(' ');
    const typed = words
      .slice(0, lead.length)
      .join(' ')
      .slice(0, text.length + 8);
    const most = Math.max(1, Math.floor(text.length / 3));
    const distance = editDistance(typed, text, most);
    const differs = lead.findIndex((word, at) => word !== words[at]);
    const shared = differs === -1 ? lead.length : differs;
    if (distance <= most || shared >= 2) near.push({ text, shared: shared >= 2 ? shared : 0, distance });
  }
  return near
    .sort((a, b) => b.shared - a.shared || a.distance - b.distance || (a.text < b.text ? -1 : 1))
    .slice(0, NEAR_MAX)
    .map(({ text }) => text);
};
