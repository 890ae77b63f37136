import { completed } from '../completion.ts';
import { fault } from '../../base/errors.ts';
import { ERROR_MEANINGS } from '../error-numbers.ts';
import { textOfValue } from '../grammar/values.ts';
import { closest } from '../grammar/suggest.ts';
import { integer, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, type Reply } from '../reply.ts';

const nameOf = (command: Command): string => command.patterns[0]?.lead.join(' ') ?? '';

const firstPattern = (command: Command): string => command.patterns[0]?.text ?? '';

const overview = ({ registry }: Call<OptionTable>): Reply =>
  givesTable({
    above: 'help COMMAND explains one; ledger … is the same as blockchain …\n',
    titles: ['About', 'Command', 'What it does'],
    rows: registry.groups.flatMap(({ about, commands }) =>
      commands.map((command, at) => [at === 0 ? about : '', firstPattern(command), command.explanation]),
    ),
    json: registry.groups.flatMap(({ about, commands }) =>
      commands.map((command) => ({
        about,
        command: firstPattern(command),
        usage: command.usage,
        method: command.method,
        explanation: command.explanation,
        examples: command.examples,
      })),
    ),
  });

const optionLines = (command: Command): readonly string[] =>
  Object.entries(command.options).map(([name, { kind, about, need, aliases, fallback, admin, changes }]) => {
    const notes = [
      need === 'required' ? 'required' : '',
      need === 'repeated' ? 'may be repeated' : '',
      admin === true ? 'admins only' : '',
      changes === true ? 'by POST' : '',
      fallback === undefined ? '' : `default ${(kind.typed ?? textOfValue)(fallback)}`,
      aliases.length === 0 ? '' : `also ${aliases.join(', ')}`,
    ];
    const shown = notes.filter((note) => note !== '');
    return `    ${name} = [${kind.shown}]: ${about}${shown.length === 0 ? '' : ` (${shown.join('; ')})`}`;
  });

const explained = (command: Command): string =>
  [
    `Usage:\n    ${command.usage}`,
    `Explanation:\n    ${command.explanation}`,
    `Examples:\n${command.examples.map((example) => `    ${example}`).join('\n')}`,
    ...(command.patterns.length > 1
      ? [
          `Also:\n${command.patterns
            .slice(1)
            .map(({ text }) => `    ${text}`)
            .join('\n')}`,
        ]
      : []),
    `Options:\n${optionLines(command).join('\n')}`,
    `REST: ${command.method === 'any' ? 'GET or POST' : command.method}`,
  ].join('\n');

const wordsOf = (text: string): readonly string[] => text.toLowerCase().split(/[^a-z0-9_]+/);

/** Commands in whose text every word that was typed begins some word. */
const holding = (
  commands: readonly Command[],
  typed: string,
  textsOf: (command: Command) => readonly string[],
): readonly Command[] =>
  commands.filter((command) => {
    const words = textsOf(command).flatMap(wordsOf);
    return typed.split(' ').every((part) => words.some((word) => word.startsWith(part)));
  });

/** By the beginning of their words, else by any word of them, else by any word of what they say of themselves. */
const foundBy = (commands: readonly Command[], typed: string): readonly Command[] => {
  const leads = ({ patterns }: Command): readonly string[] => patterns.map(({ lead }) => lead.join(' '));
  const ways = [
    commands.filter((command) => leads(command).some((lead) => lead === typed)),
    commands.filter((command) => leads(command).some((lead) => lead.startsWith(typed))),
    holding(commands, typed, leads),
    holding(commands, typed, ({ patterns, usage, explanation }) => [
      ...[...patterns.map(({ text }) => text), usage, explanation],
    ]),
  ];
  return ways.find((found) => found.length > 0) ?? [];
};

/** Commands that were meant: by all of their words, else by one of them. */
const meant = (commands: readonly Command[], typed: string): string => {
  const names = commands.map(nameOf);
  const byWord = names.filter((name) => name.split(' ').some((word) => closest(typed, [word]).length > 0));
  const near = [...closest(typed, names), ...byWord].slice(0, SUGGESTED_MAX);
  return near.length === 0 ? 'see all commands: help' : `Maybe: ${near.join(', ')}`;
};
const SUGGESTED_MAX = 3;

const help = (call: Call<OptionTable>): Reply => {
  const words = call.args
    .raw('command')
    .toLowerCase()
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^ledger\b/, 'blockchain');
  if (words === '') return overview(call);
  const { commands } = call.registry;
  const absent = call.registry.absentIn(call.args.tokens('command'));
  if (absent !== undefined) return says(`${absent.pattern.text} is not in this version: ${absent.instead}`);
  const found = foundBy(commands, words);
  if (found.length === 0)
    throw fault('COMMAND_UNKNOWN', `there is no command ${words}`, { hint: meant(commands, words) });
  const isExact = found.some(({ patterns }) => patterns.some(({ lead }) => lead.join(' ') === words));
  if (found.length === 1 || isExact) return says(found.map(explained).join('\n\n'));
  return givesTable({
    titles: ['Command', 'What it does'],
    rows: found.map((command) => [firstPattern(command), command.explanation]),
  });
};

const getError = ({ args, dictionary }: Call<OptionTable>): Reply => {
  const number = integer(0, 10_000).read(args.tokens('number'), dictionary);
  const meaning = Object.hasOwn(ERROR_MEANINGS, number) ? ERROR_MEANINGS[number] : undefined;
  if (meaning === undefined)
    throw fault('COMMAND_VALUE', `${number} is not an error number`, {
      hint: 'the numbers are those that replies carry as err_code',
    });
  return says(meaning, { err_code: number, err_text: meaning });
};

const completions = ({ args, registry }: Call<OptionTable>): Reply => {
  const prefix = args.tokens('prefix')[0]?.text ?? '';
  const lines = completed(registry, prefix);
  return says(lines.join('\n'), lines);
};

/** What there is to type. */
export const helpCommands = (): readonly Command[] => [
  define({
    // `parseLine` takes this line apart before the table is asked; it stands here to be found.
    patterns: ['run client <destination> <command...>'],
    usage: 'run client (DESTINATION) COMMAND',
    method: 'any',
    remote: 'never',
    explanation:
      'runs a command on other nodes: addresses, a type of node, a blockchain get; for sql, () leaves the choice to the network. Without a command the destination stands until: run client ()',
    examples: [
      'run client (10.0.0.1:32148, 10.0.0.2:32148) get status',
      'run client (operator where company = my_company) get processes',
      'run client (blockchain get operator bring.ip_port) get node name',
      'run client () sql lsl_demo "select count(*) from ping_sensor"',
    ],
    run: (call) => call.execute(call.text),
  }),
  define({
    patterns: ['help <command...>'],
    method: 'GET',
    explanation: 'explains a command, or lists all; found by any of its words',
    examples: ['help', 'help blockchain insert', 'help backup'],
    run: help,
  }),
  define({
    patterns: ['get commands'],
    method: 'GET',
    explanation: 'lists all commands; in JSON with usage and examples',
    examples: ['get commands where format = json'],
    run: overview,
  }),
  define({
    patterns: ['get completions <prefix>'],
    method: 'GET',
    remote: 'never',
    explanation: 'lists ways to go on from what has been typed: commands, options and their values',
    examples: ['get completions "get tables where "'],
    run: completions,
  }),
  define({
    patterns: ['get error <number>'],
    method: 'GET',
    explanation: 'prints what an error number means',
    examples: ['get error 113'],
    run: getError,
  }),
];
