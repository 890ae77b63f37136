import { fault } from '../../base/errors.ts';
import { ERROR_MEANINGS } from '../error-numbers.ts';
import { textOfValue } from '../grammar/values.ts';
import { maybe } from '../grammar/suggest.ts';
import { integer, type OptionTable } from '../options.ts';
import { completed, define, type Call, type Command } from '../registry.ts';
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
  Object.entries(command.options).map(([name, { kind, about, need, aliases, fallback }]) => {
    const notes = [
      need === 'required' ? 'required' : '',
      need === 'repeated' ? 'may be repeated' : '',
      fallback === undefined ? '' : `default ${textOfValue(fallback)}`,
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

const help = (call: Call<OptionTable>): Reply => {
  const words = call.args
    .raw('command')
    .toLowerCase()
    .trim()
    .replace(/\s+/g, ' ')
    .replace(/^ledger\b/, 'blockchain');
  if (words === '') return overview(call);
  const { commands } = call.registry;
  const isNamed = (command: Command, test: (lead: string) => boolean): boolean =>
    command.patterns.some(({ lead }) => test(lead.join(' ')));
  const exact = commands.filter((command) => isNamed(command, (lead) => lead === words));
  const found =
    exact.length > 0
      ? exact
      : commands.filter((command) =>
          isNamed(command, (lead) => lead.startsWith(`${words} `) || lead.startsWith(words)),
        );
  const [only] = found;
  if (only === undefined)
    throw fault('COMMAND_UNKNOWN', `there is no command ${words}`, {
      hint: maybe(words, commands.map(nameOf), 'see all commands: help'),
    });
  if (found.length === 1 || exact.length > 0) return says(found.map(explained).join('\n\n'));
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
    explanation: 'explains a command, or lists all',
    examples: ['help', 'help blockchain insert'],
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
