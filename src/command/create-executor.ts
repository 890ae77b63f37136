import { asFault, fault, hasCode } from '../base/errors.ts';
import { COMMAND_DEPTH_MAX, SCRIPT_OUTPUT_CHARS_MAX, VALUE_CHARS_MAX } from '../base/limits.ts';
import type { JsonValue } from '../codec/json.ts';
import type { Person } from './access/access.ts';
import { allows, plainAct, type Restriction, restrictionOf, stillAdmitted } from './access/door.ts';
import { completed } from './completion.ts';
import type { CommandContext } from './context.ts';
import { Dictionary, type SessionDictionary, sessionDictionary, type VariableRights } from './dictionary.ts';
import {
  createSession,
  type CommandExecutor,
  type CommandMethod,
  type CommandOutput,
  type CommandRequest,
  type PutCommand,
  type Session,
} from './executor.ts';
import { nodeVariables } from './facts.ts';
import { perLine } from './grammar/budget.ts';
import { meets } from './grammar/condition.ts';
import { isKeyword, tokenize, type Token } from './grammar/lexer.ts';
import { parseLine, type Statement } from './grammar/line.ts';
import { expandReferences, resolveReference, valueOfRun } from './grammar/values.ts';
import { absentCommands } from './commands/absent.ts';
import { allCommands } from './commands/all.ts';
import { namedRefusals, noteOnWrite, withRefusal } from './health/refused.ts';
import { runClient } from './remote/client.ts';
import { parseDestination } from './remote/destination.ts';
import { createRemoteCommands, type RemoteCommands } from './remote/protocol.ts';
import type { RemoteUse } from './remote/state.ts';
import { Registry, type ScriptLines, type ScriptSession, type Surroundings } from './registry.ts';
import { type Note, noteOn } from './note.ts';
import { givesJson, jsonText, says, SILENT, textUpTo, type Answer, type Reply } from './reply.ts';
import { putRows } from './put.ts';

/** Commands that only name a variable; what they name is looked up where they run. */
const namesVariable = (tokens: readonly Token[]): boolean =>
  isKeyword(tokens[0], 'get') && tokens.length === 2 && tokens[1]?.kind === 'variable';

const isNothing = (json: unknown): boolean => json === null || (Array.isArray(json) && json.length === 0);

/** A long answer is made when it is asked for, in the form that is asked for. */
const longOutput = (reply: Reply, note: Note | undefined, pieces: () => Iterable<string>): CommandOutput => ({
  get text() {
    return [...pieces()].join('');
  },
  get json() {
    return reply.json;
  },
  note,
  pieces,
});

const outputOf = ({ reply, note = reply.note, ...answer }: Answer, asksJson = false): CommandOutput => {
  const wantsJson = answer.wantsJson || asksJson;
  const { pieces } = reply;
  if (pieces !== undefined) return longOutput(reply, note, () => pieces(wantsJson));
  const { json, file } = reply;
  const rest = { json, note, ...(file === undefined ? {} : { file }) };
  if (reply.text !== undefined && (!wantsJson || json === undefined)) return { text: reply.text, ...rest };
  return { text: jsonText(json), ...rest };
};

class NodeExecutor implements CommandExecutor {
  readonly #context: CommandContext;
  readonly #registry = new Registry(allCommands(), absentCommands());
  readonly #dictionary: Dictionary;
  readonly #remote: RemoteCommands;

  constructor(context: CommandContext) {
    this.#context = context;
    this.#dictionary = new Dictionary(() => nodeVariables(context));
    for (const [name, value] of Object.entries(context.variables ?? {})) this.#dictionary.set(name, value);
    this.#remote = createRemoteCommands(context, {
      useOf: (text) => this.#remoteUse(text),
      execute: (text, format, signal, key) => {
        const person: Person = { by: 'node', name: '', admin: false, key };
        return this.execute({
          text,
          format,
          signal,
          session: createSession({ isolated: true, caller: 'peer', person }),
        });
      },
    });
  }

  async execute(request: CommandRequest): Promise<CommandOutput> {
    try {
      return outputOf(await this.#line(request.text, request, 0), request.format === 'json');
    } catch (caught) {
      throw withRefusal(asFault(caught), namedRefusals(this.#context));
    }
  }

  methodOf(text: string): CommandMethod {
    try {
      const statement = parseLine(text);
      if (statement.kind === 'variable') return 'GET';
      if (statement.kind === 'client') return statement.command === '' ? 'any' : this.methodOf(statement.command);
      return statement.kind === 'command' ? this.#registry.methodOf(statement.tokens) : 'POST';
    } catch {
      return 'any';
    }
  }

  complete(prefix: string): readonly string[] {
    return completed(this.#registry, prefix);
  }

  async put(command: PutCommand, person?: Person): ReturnType<CommandExecutor['put']> {
    const [dbms, table] = [command.dbms, command.table].map((name) => name.trim().normalize('NFC').toLowerCase()) as [
      string,
      string,
    ];
    restrictionOf(this.#context, person)?.check(plainAct('put', [{ dbms, table }]));
    return putRows(this.#context, command);
  }

  #remoteUse(text: string): RemoteUse {
    const statement = parseLine(text);
    if (statement.kind === 'variable') return 'always';
    return statement.kind === 'command' ? this.#registry.get(statement.tokens).command.remote : 'never';
  }

  async #line(text: string, request: CommandRequest, depth: number): Promise<Answer> {
    if (depth > COMMAND_DEPTH_MAX)
      throw fault('COMMAND_DEPTH', `commands are nested more than ${COMMAND_DEPTH_MAX} deep`, {
        hint: 'a script or destination refers to itself',
      });
    request.signal?.throwIfAborted();
    return this.#statement(parseLine(text), request, depth);
  }

  async #statement(statement: Statement, request: CommandRequest, depth: number): Promise<Answer> {
    const { session } = request;
    const restriction = restrictionOf(this.#context, session.person);
    const dictionary = this.#dictionaryOf(session, restriction);
    switch (statement.kind) {
      case 'empty':
      case 'on-error': // means something between the lines of a script only
        return { reply: SILENT, wantsJson: false };
      case 'variable':
        restriction?.check(plainAct(VARIABLES));
        return { reply: shownVariable(resolveReference(statement.reference, dictionary)), wantsJson: statement.json };
      case 'if':
        return this.#line(
          meets(statement.condition, dictionary) ? statement.then : statement.otherwise,
          ...([statement.here ? onThisNode(request) : request, depth + 1] as const),
        );
      case 'assign':
        return this.#assign(statement, statement.here ? onThisNode(request) : request, depth);
      case 'client':
        return this.#client(statement.destination, statement.command, request, depth);
      case 'command':
        return this.#command(statement, request, depth);
    }
  }

  async #assign(statement: Statement & { kind: 'assign' }, request: CommandRequest, depth: number): Promise<Answer> {
    const dictionary = this.#dictionaryOf(request.session, restrictionOf(this.#context, request.session.person));
    const assigned = (value: JsonValue, note?: Note): Answer => {
      dictionary.assign(statement.name, value);
      return { reply: SILENT, wantsJson: false, note };
    };
    const tokens = tokenize(statement.right);
    const first = tokens[0];
    const isClient = isKeyword(first, 'run') && isKeyword(tokens[1], 'client');
    if (first === undefined) return assigned('');
    const isCommand = (): boolean => isClient || this.#registry.find(tokens) !== undefined || this.#isAbsent(tokens);
    if (first.kind !== 'word' || !isCommand()) return assigned(valueOfRun(tokens, dictionary));
    let answer: Answer;
    try {
      // What a variable holds does not hang on who looks at the shell.
      answer = await this.#line(statement.right, { ...request, titlesOnce: false }, depth + 1);
    } catch (caught) {
      // Documented: `x = blockchain wait …` says false instead of failing.
      if (hasCode(caught, 'COMMAND_WAIT_EXPIRED')) return assigned('false');
      throw caught;
    }
    return assigned(await valueOf(statement, answer), outputOf(answer).note);
  }

  /** One word alone is what a variable may well be told: `kind = file`, `source = stream`. */
  #isAbsent(tokens: readonly Token[]): boolean {
    return (this.#registry.absentIn(tokens)?.pattern.lead.length ?? 0) > 1;
  }

  async #client(destination: string, command: string, request: CommandRequest, depth: number): Promise<Answer> {
    if (request.session.caller === 'peer')
      throw fault('COMMAND_REMOTE_REFUSED', 'a command from another node is not sent on', {
        hint: 'send it to the node itself: run client (IP:PORT) …',
      });
    if (command === '') return { reply: this.#stand(destination, request, depth), wantsJson: false };
    const surroundings = this.#surroundings(request, depth);
    surroundings.restriction?.check(plainAct('run client'));
    const tokens = tokenize(command);
    const text = namesVariable(tokens) ? command : expandReferences(command, tokens, surroundings.dictionary, false);
    const reply = await runClient(surroundings, destination, text);
    return { reply, wantsJson: false };
  }

  /** `run client (DEST)` alone: where the session's commands go from now on; `()` is back to this node. */
  #stand(destination: string, request: CommandRequest, depth: number): Reply {
    const { session } = request;
    if (destination !== '') {
      const { restriction, dictionary } = this.#surroundings(request, depth);
      restriction?.check(plainAct('run client'));
      parseDestination(destination, dictionary);
    }
    session.destination = destination === '' ? undefined : destination;
    // Whoever sends a single request would otherwise take it that something was done.
    if (session.caller !== 'rest' || session.destination === undefined) return SILENT;
    return says(`What follows in this shell goes to (${destination}); back to this node: run client ()`);
  }

  async #command(statement: Statement & { kind: 'command' }, request: CommandRequest, depth: number): Promise<Answer> {
    const standing = request.session.destination;
    if (standing !== undefined && !statement.here && request.session.caller !== 'peer')
      return this.#client(standing, statement.text, request, depth);
    const { command, match, tokens } = this.#registry.get(statement.tokens);
    // Checked again here: a command that runs others must not become a way around the rights of its caller.
    if (request.session.caller === 'peer' && command.remote === 'never')
      throw fault('COMMAND_REMOTE_REFUSED', 'this command is not run for other nodes');
    const surroundings = this.#surroundings(request, depth);
    // What was missing may have come while the command ran.
    const before = noteOn(this.#context.policies.book);
    const written = this.#watchWrites();
    const answer = await command.run({ ...surroundings, text: statement.text, tokens, match });
    const note = written() ?? before ?? noteOn(this.#context.policies.book);
    return { ...answer, note };
  }

  /** What is to be known about what this node writes from now on, once it has written. */
  #watchWrites(): () => Note | undefined {
    const { ledger, doubts } = this.#context;
    const doubtsBefore = doubts?.().count ?? 0;
    const doubt = (): Note | undefined => {
      const now = doubts?.();
      return now !== undefined && now.count > doubtsBefore ? now.note : undefined;
    };
    const note = noteOnWrite(namedRefusals(this.#context));
    if (note === undefined) return doubt;
    const own = (): number => ledger.clock().get(ledger.author) ?? 0;
    const before = own();
    return () => (own() > before ? note : doubt());
  }

  #dictionaryOf(session: Session, restriction: Restriction | undefined): SessionDictionary {
    const rights = restriction === undefined ? undefined : variableRights(restriction);
    return perLine(sessionDictionary(this.#dictionary, session, (name) => this.#context.environment(name), rights));
  }

  #surroundings(request: CommandRequest, depth: number): Surroundings {
    const { session, signal } = request;
    const execute = async (text: string, format: 'text' | 'json' | undefined, person: Person | undefined) => {
      const inner = onThisNode({ ...request, format, session: { ...session, person } });
      return outputOf(await this.#line(text, inner, depth + 1), format === 'json');
    };
    const restriction = restrictionOf(this.#context, session.person);
    return {
      context: this.#context,
      session,
      dictionary: this.#dictionaryOf(session, restriction),
      restriction,
      variables: this.#dictionary,
      signal,
      asked: request.format,
      titlesOnce: request.titlesOnce,
      registry: this.#registry,
      remote: this.#remote,
      depth,
      execute: (text, format) => execute(text, format, session.person),
      executeOwn: (text, format) => execute(text, format, withoutRestriction(session.person)),
      newScript: (of) => this.#script(request, of, depth),
    };
  }

  #script(request: CommandRequest, { index, rested, signal: ending }: ScriptSession, depth: number): ScriptLines {
    const { signal: _, session: own, ...rest } = onThisNode(request);
    // One session for all lines; who its caller is, is found out anew for each.
    const session: { -readonly [K in keyof Session]: Session[K] } = { ...own, index, rested };
    const inner = { ...rest, format: undefined, session, ...(ending === undefined ? {} : { signal: ending }) };
    const checkCaller = (): void => {
      session.person = stillAdmitted(this.#context, own.person);
    };
    return {
      checkCaller,
      execute: async (text) => {
        checkCaller();
        const output = outputOf(await this.#line(text, inner, depth + 1));
        return output.pieces === undefined
          ? output
          : { text: await textUpTo(output, SCRIPT_OUTPUT_CHARS_MAX), json: undefined, note: output.note };
      },
    };
  }
}

/** The same without a standing destination, in a session whose destination is its own. */
const onThisNode = (request: CommandRequest): CommandRequest => ({
  ...request,
  session: { ...request.session, destination: undefined },
});

/** What a command's output is as the value of a variable. */
const valueOf = async ({ name, collect }: Statement & { kind: 'assign' }, answer: Answer): Promise<JsonValue> => {
  const { reply } = answer;
  const whole = await textUpTo(outputOf(answer), VALUE_CHARS_MAX);
  if (whole.length > VALUE_CHARS_MAX)
    throw fault('COMMAND_VALUE_OVERSIZE', `the output for ${name} is longer than ${VALUE_CHARS_MAX} characters`, {
      hint: 'a variable holds less: aggregate, or add a LIMIT',
    });
  if (collect !== 'value' && reply.json !== undefined) return collected(collect, reply);
  const text = whole.trim();
  // Nothing found leaves the variable undefined: scripts ask `if not !x`.
  return text === '[]' || isNothing(reply.json) ? '' : text;
};

/** `x[] = …` holds the answers of the nodes, `x{} = …` the same by their addresses; of one node alone, its answer. */
const collected = (as: 'list' | 'object', { json, byNode }: Reply): JsonValue => {
  if (byNode !== undefined) return (as === 'list' ? Object.values(byNode) : byNode) as JsonValue;
  return (as === 'list' && !Array.isArray(json) ? [json] : json) as JsonValue;
};

/** By the name of the command that lists them. */
const VARIABLES = 'get dictionary';

/** A restricted caller reads what it could have listed, and what it assigns stays in its request unless it may `set`. */
const variableRights = (restriction: Restriction): VariableRights => ({
  get sets() {
    return allows(restriction, plainAct('set'));
  },
  checkVariables: () => restriction.check(plainAct(VARIABLES)),
  checkEnvironment: () => restriction.check(plainAct('get env var')),
});

/** Who may run a command may run what it is made of; whether it is an admin stays. */
const withoutRestriction = (person: Person | undefined): Person | undefined =>
  person && { by: person.by === 'certificate' ? 'user' : person.by, name: person.name, admin: person.admin };

const shownVariable = (value: JsonValue | undefined): Reply => {
  if (value === undefined) return says('', null);
  return typeof value === 'string' ? says(value, value) : givesJson(value);
};

/**
 * The command language over a node's parts. Serves the commands of other nodes as well (`remote/SPEC.md`), from the
 * moment it is made.
 */
export const createExecutor = (context: CommandContext): CommandExecutor => new NodeExecutor(context);
