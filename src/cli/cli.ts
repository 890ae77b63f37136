import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { asFault, hasCode } from '../base/errors.ts';
import { REST_TIMEOUT_MS_MAX } from '../base/limits.ts';
import { parseSpan } from '../command/grammar/dates.ts';
import type { ExportOptions } from './audit.ts';
import type { BundleReport } from './bundle-report.ts';
import { callNode, isAddress } from './rest-client.ts';
import { findTarget, type Target, type TargetOptions } from './target.ts';
import { asTyped, isWatched, printFault, printNote, printText, watchOutput, type Terminal } from './terminal.ts';

const STATUS_FAILED = 1;
const STATUS_USAGE = 2;

/** Options of `holdfast start` by their long names, as typed; absent where not given. */
export type StartOptions = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `once`: ends after the steps of the demo; `dir`: where its nodes lie, undefined for a directory of its own. */
export interface DemoOptions {
  readonly once: boolean;
  readonly dir: string | undefined;
}

/** What the command line does not do itself; each resolves with the exit status. */
export interface CliActions {
  readonly version: string;
  start(options: StartOptions): Promise<number>;
  demo(options: DemoOptions): Promise<number>;
  /** A variable of the environment. */
  environment(name: string): string | undefined;
  /** Checks an audit bundle that was read into memory. */
  readonly verifyBundle: (archive: Uint8Array, root: string | undefined) => Promise<BundleReport>;
}

const collect = (value: string, earlier: readonly string[] | undefined): readonly string[] => [
  ...(earlier ?? []),
  value,
];

const START_HELP = `
Each option is also a variable (HOLDFAST_NAME, HOLDFAST_SEED=A:1,B:2 …) and a key of the JSON file that --config names;
a flag wins over the environment, the environment over the file. What was said of --name, --company, --listen, --rest, --rest-tls,
--tiles, --reserve and --script is remembered in DIR/start.json, so that a later start needs --dir alone; --rest-tls none,
--tiles none and --script none take back what was said before.

Examples:
  holdfast start --network acme --listen 10.0.0.1:32148      creates a network; who joins needs an invite
  holdfast exec "create invite where role = operator"        prints one, on a node of the network
  holdfast start --invite TOKEN --name edge-7                joins with it
  holdfast start --seed 10.0.0.1:32148 --name edge-7         joins a network that was created with --admission open
  holdfast start --dir NEW --recover --key node.key --seed 10.0.0.1:32148 --script operator.al
`;

const addStart = (program: Command, finish: (status: Promise<number>) => Promise<void>, actions: CliActions): void => {
  program
    .command('start')
    .description('run a node in the foreground until SIGTERM or Ctrl-C')
    .option('--dir <DIR>', 'all of the node’s files (default: ./holdfast-data)')
    .option('--name <NAME>', 'name of the node (default: the host’s)')
    .option('--company <NAME>', 'company that runs it (default: Holdfast)')
    .option('--listen <HOST:PORT>', 'where other nodes reach it; port 0 takes a free one (default: 127.0.0.1:32148)')
    .option('--rest <HOST:PORT>', 'where commands and data come in by HTTP (default: 127.0.0.1:32149)')
    .option(
      '--rest-tls <DIR>',
      'TLS with cert.pem and key.pem there; with ca.pem clients may show certificates; SIGHUP reads them again',
    )
    .option('--network <NAME>', 'create a network of that name')
    .option('--admission <RULE>', 'who may join the network that is created: invite, or open for all (default: invite)')
    .option(
      '--invite <TOKEN>',
      'join with what `create invite` printed (better in HOLDFAST_INVITE: a flag shows in ps)',
    )
    .addOption(new Option('--seed <HOST:PORT>', 'join the network of the node there (repeatable)').argParser(collect))
    .option('--remote <RULE>', 'commands of other nodes that it runs: read, or registered for all (default: read)')
    .option('--tiles <DIR>', 'keep all entries there as static files (default: DIR/tiles, with the role archive alone)')
    .option('--reserve <SIZE>', 'space of the disk kept free of data: 512MB, 2GB, 10% (default: 5%, at most 256MB)')
    .addOption(new Option('--recover', 'the directory is gone: take everything back from the peers').preset('true'))
    .option('--key <FILE>', 'recover with this copy of the node’s key')
    .option('--operator <ID>', 'recover under a new key, taking over this operator policy')
    .option('--restored <RULE>', 'restored from a backup, write: ask the peers first, or alone for none (default: ask)')
    .option('--authentication <RULE>', 'off, for laboratories: whoever reaches REST commands the node (default: on)')
    .option('--script <FILE>', 'commands to run at this and each later start, one a line; none: no more')
    .option('--config <FILE>', 'JSON file with these options as its keys')
    .addHelpText('after', START_HELP)
    .action((options: StartOptions) => finish(actions.start(options)));
};

const readAddress = (value: string): string => {
  if (!isAddress(value)) throw new InvalidArgumentError('It is not HOST:PORT.');
  return value;
};

const readCommand = (value: string): string => {
  if (value.trim() === '') throw new InvalidArgumentError('It is empty; for example: holdfast exec "get status".');
  return value;
};

const readTimeout = (value: string): number => {
  try {
    const ms = parseSpan(value);
    if (ms >= 1 && ms <= REST_TIMEOUT_MS_MAX) return Math.round(ms);
  } catch (caught) {
    if (!hasCode(caught, 'COMMAND_SPAN')) throw caught;
  }
  throw new InvalidArgumentError(
    'It is no span of time up to an hour; for example: 90s, 10 minutes (minutes are t or minute).',
  );
};

const addTimeout = (command: Command): Command =>
  command.addOption(
    new Option(
      '--timeout <SPAN>',
      'how long a command may take: 90s, "10 minutes"; at most an hour (default: 60s)',
    ).argParser(readTimeout),
  );

/** Which node is meant; its token is found where the same user runs it. */
const addTarget = (command: Command): Command =>
  command
    .addOption(
      new Option(
        '--node <HOST:PORT>',
        'REST address of the node, https://HOST:PORT for TLS (or HOLDFAST_NODE; default: 127.0.0.1:32149)',
      ).argParser(readAddress),
    )
    .option('--dir <DIR>', 'the node that keeps its files there')
    .option(
      '--token <TOKEN>',
      'what is in its rest.token, for a node of another user or machine; HOLDFAST_TOKEN is used where none is found here',
    )
    .option('--ca <FILE>', 'over TLS, believe what this CA has signed (or HOLDFAST_TLS_CA)')
    .option('--cert <FILE>', 'show this certificate in place of a token, with --key (or HOLDFAST_TLS_CERT)')
    .option('--key <FILE>', 'its key (or HOLDFAST_TLS_KEY)');

interface NodeOptions extends TargetOptions {
  readonly json?: boolean;
  readonly timeout?: number;
}

const buildProgram = (
  terminal: Terminal,
  actions: CliActions,
  finish: (status: Promise<number>) => Promise<void>,
): Command => {
  const targetOf = (options: NodeOptions): Promise<Target> => findTarget(options, (name) => actions.environment(name));
  const program = new Command('holdfast')
    .description('Highly available edge data: one signed ledger of policies, operators that keep the same data')
    .version(actions.version, '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.stdout.write(text),
      writeErr: (text) => terminal.stderr.write(text),
    })
    .showHelpAfterError(asTyped(terminal, '  hint: see holdfast --help'));
  addStart(program, finish, actions);
  addTimeout(addTarget(program.command('exec')))
    .description('run one command on a running node')
    .argument('<COMMAND>', 'in quotes, for example "get status"', readCommand)
    .option('--json', 'print JSON where the command has it')
    .showHelpAfterError(
      asTyped(terminal, '  hint: the command stands in quotes: holdfast exec "get status"; see holdfast exec --help'),
    )
    .action((command: string, options: NodeOptions) => finish(execute(terminal, targetOf(options), command, options)));
  addTimeout(addTarget(program.command('shell')))
    .description('type commands to a running node: history, completion')
    .action((options: NodeOptions) => finish(openShell(terminal, targetOf(options), options.timeout)));
  addTarget(program.command('backup'))
    .description('back up a running node into a new directory of its machine')
    .argument('<DIR>', 'new or empty; restored with: holdfast start --dir COPY-OF-DIR')
    .action((dir: string, options: NodeOptions) => finish(backUp(terminal, targetOf(options), dir)));
  addAudit(program, finish, { terminal, targetOf, actions });
  program
    .command('demo')
    .description('run a network of five nodes on real sensor data and show what it does')
    .option('--once', 'end after the last step; status 0 exactly when every step held')
    .option('--dir <DIR>', 'keep the nodes’ files there (default: a temporary directory, removed at the end)')
    .action((options: { once?: boolean; dir?: string }) =>
      finish(actions.demo({ once: options.once === true, dir: options.dir })),
    );
  return program;
};

interface AuditParts {
  readonly terminal: Terminal;
  readonly targetOf: (options: NodeOptions) => Promise<Target>;
  readonly actions: CliActions;
}

const ROOT_KEY = /^[0-9a-f]{64}$/i;

const addAudit = (
  program: Command,
  finish: (status: Promise<number>) => Promise<void>,
  { terminal, targetOf, actions }: AuditParts,
): void => {
  const audit = program.command('audit').description('the ledger as a file that proves itself: export and check it');
  addTarget(audit.command('export'))
    .description('write the ledger of a running node, and the policies that follow, into one file')
    .requiredOption('--out <FILE>', 'new file on this machine, a tar')
    .option('--id <POLICY>', 'ask for one policy; default: all in force')
    .option('--as-of <MOMENT>', 'date, frontier or hash of an entry; default: everything that the node holds')
    .option('--known-at <DATE>', 'instead of that: what a node knew then, proven by its receipts')
    .option('--on <NODE>', 'the node that --known-at is about, by name or key; default: the one that exports')
    .action((options: NodeOptions & ExportOptions) => finish(exportBundle(terminal, targetOf(options), options)));
  audit
    .command('verify')
    .description('check everything in such a file, offline: status 0, or 1 and the first fault')
    .argument('<FILE>', 'what audit export wrote')
    .addOption(
      new Option('--root <KEY>', 'the key that must be a root of the network, 64 hex digits').argParser(
        (key: string) => {
          if (!ROOT_KEY.test(key)) throw new InvalidArgumentError('A key has 64 hex digits.');
          return key.toLowerCase();
        },
      ),
    )
    .option('--json', 'print the report as JSON')
    .action((file: string, options: { root?: string; json?: boolean }) =>
      finish(checkBundle(terminal, file, options, actions)),
    );
};

const execute = async (
  terminal: Terminal,
  target: Promise<Target>,
  command: string,
  { json = false, timeout }: NodeOptions,
): Promise<number> => {
  const onNote = (text: string): void => printNote(terminal, text);
  const titlesOnce = !isWatched(terminal.stdout);
  printText(
    terminal.stdout,
    await callNode({ ...(await target), command, json, timeoutMs: timeout, onNote, titlesOnce }),
  );
  return 0;
};

/** `exec` must not pay for what only the shell needs. */
const openShell = async (terminal: Terminal, target: Promise<Target>, timeoutMs?: number): Promise<number> =>
  (await import('./shell.ts')).runShell(terminal, await target, timeoutMs);

const backUp = async (terminal: Terminal, target: Promise<Target>, dir: string): Promise<number> =>
  (await import('./backup.ts')).runBackup(terminal, await target, dir);

const exportBundle = async (terminal: Terminal, target: Promise<Target>, options: ExportOptions): Promise<number> =>
  (await import('./audit.ts')).runExport(terminal, await target, options);

const checkBundle = async (
  terminal: Terminal,
  file: string,
  { root, json }: { readonly root?: string; readonly json?: boolean },
  { verifyBundle }: CliActions,
): Promise<number> =>
  (await import('./audit.ts')).runVerify(terminal, file, {
    json: json === true,
    verify: (bytes) => verifyBundle(bytes, root),
  });

/** Runs the command line; resolves with the exit status: 0 done, 1 failed, 2 wrong use. Never throws. */
export const runCli = async (args: readonly string[], streams: Terminal, actions: CliActions): Promise<number> => {
  const terminal = watchOutput({
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    byNpx: actions.environment('npm_command') === 'exec',
  });
  const status = await statusOf(args, terminal, actions);
  const failure = await terminal.written();
  if (failure === undefined) return status;
  printFault(terminal, failure);
  return STATUS_FAILED;
};

const statusOf = async (args: readonly string[], terminal: Terminal, actions: CliActions): Promise<number> => {
  let status = 0;
  const program = buildProgram(terminal, actions, async (running) => {
    status = await running;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return status;
  } catch (caught) {
    if (caught instanceof CommanderError) return caught.exitCode === 0 ? 0 : STATUS_USAGE;
    printFault(terminal, asFault(caught));
    return STATUS_FAILED;
  }
};
