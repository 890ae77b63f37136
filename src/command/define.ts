import { fault } from '../base/errors.ts';
import type { JsonValue } from '../codec/json.ts';
import type { Act, Touch } from '../policy/permissions/judge.ts';
import { allows, checkAdmin } from './access/door.ts';
import type { SessionDictionary } from './dictionary.ts';
import type { CommandMethod } from './executor.ts';
import type { Token } from './grammar/lexer.ts';
import { pairsAfter, type Pair } from './grammar/pairs.ts';
import { expandReferences, textOfValue, valueOfRun } from './grammar/values.ts';
import { oneOf, optional, readOptions, type OptionTable, type OptionValues } from './options.ts';
import { compilePattern } from './pattern.ts';
import { type Command, type Invocation, spellingsOf, type Surroundings } from './registry.ts';
import type { RemoteUse } from './remote/state.ts';
import type { Reply } from './reply.ts';

/** One command as its family file writes it. */
export interface CommandSpec<O extends OptionTable> {
  /** The documented spelling first, then every other that is accepted. */
  readonly patterns: readonly [string, ...string[]];
  /** What help shows; default: the first pattern with all options. */
  readonly usage?: string;
  readonly method: CommandMethod;
  /** Default: `always` for GET, `registered` for the others. */
  readonly remote?: RemoteUse;
  /** Whether it is for admins and the start script alone; for one option of it: `ofAdmins`. */
  readonly admin?: boolean;
  readonly explanation: string;
  readonly examples: readonly string[];
  readonly options?: O;
  /** Formats beside `table` and `json`. */
  readonly formats?: readonly string[];
  /**
   * What it works on; default: what its option `dbms` names, with `table` where it has that; all where it names none.
   */
  touches?(call: Call<O>): readonly Touch[];
  /**
   * Whether it leaves out what its caller may not reach (`mayReach`) and says neither `touches` nor `dbms`: all of
   * that, or words alone.
   */
  readonly filtered?: true | 'words';
  run(call: Call<O>): Promise<Reply> | Reply;
}

/** One running command, as its handler sees it. */
export interface Call<O extends OptionTable> extends Surroundings {
  /** The whole command as typed. */
  readonly text: string;
  readonly options: OptionValues<O>;
  readonly args: Arguments;
  readonly format: string | undefined;
  /** Whether the caller may know of a table by this command: for those that list what all databases hold. */
  readonly mayReach: (dbms: string, table: string) => boolean;
}

/** The values that stand between the words of a command. */
class Arguments {
  readonly #text: string;
  readonly #values: ReadonlyMap<string, readonly Token[]>;
  readonly #dictionary: SessionDictionary;

  constructor(text: string, values: ReadonlyMap<string, readonly Token[]>, dictionary: SessionDictionary) {
    this.#text = text;
    this.#values = values;
    this.#dictionary = dictionary;
  }

  tokens(name: string): readonly Token[] {
    return this.#values.get(name) ?? [];
  }

  /** The value; undefined where it is missing. */
  value(name: string): JsonValue | undefined {
    const tokens = this.tokens(name);
    return tokens.length === 0 ? undefined : valueOfRun(tokens, this.#dictionary);
  }

  /** The value as text; empty where it is missing. */
  text(name: string): string {
    const value = this.value(name);
    return value === undefined ? '' : textOfValue(value);
  }

  /** As typed, blanks and quotes included. */
  raw(name: string): string {
    const tokens = this.tokens(name);
    const [first, last] = [tokens[0], tokens.at(-1)];
    return first === undefined || last === undefined ? '' : this.#text.slice(first.at, last.end);
  }

  /** As typed, with the references filled in. */
  expanded(name: string): string {
    const tokens = this.tokens(name);
    return expandReferences(this.raw(name), tokens, this.#dictionary, true, tokens[0]?.at ?? 0);
  }
}

const usageOf = (pattern: string, options: OptionTable): string => {
  const words = Object.entries(options).map(([name, { kind, need }]) => {
    const pair = `${name} = [${kind.shown}]`;
    return need === 'required' ? pair : `{${pair}}`;
  });
  return words.length === 0 ? pattern : `${pattern} where ${words.join(' and ')}`;
};

const formatOption = (formats: readonly string[]): OptionTable => ({
  format: optional(oneOf('table', 'json', ...formats), 'how to print it'),
});

const isFormat = ({ key }: Pair): boolean => key === 'format';

const readFormat = (pairs: readonly Pair[], table: OptionTable, dictionary: SessionDictionary): string | undefined => {
  try {
    return readOptions(pairs, table, dictionary)['format'] as string | undefined;
  } catch (caught) {
    throw fault('COMMAND_FORMAT', caught instanceof Error ? caught.message : 'unknown format', { cause: caught });
  }
};

/** Makes an entry of the table; the handler gets its options typed. */
export const define = <O extends OptionTable = OptionTable>(spec: CommandSpec<O>): Command => {
  const table = spec.options ?? ({} as O);
  const format = formatOption(spec.formats ?? []);
  const readCall = ({ text, tokens, match, ...surroundings }: Invocation) => {
    const pairs = pairsAfter(tokens, match.next);
    const { dictionary } = surroundings;
    const chosen = readFormat(pairs.filter(isFormat), format, dictionary);
    const options = readOptions(
      pairs.filter((pair) => !isFormat(pair)),
      table,
      dictionary,
      Object.keys(format),
    );
    const args = new Arguments(text, match.values, dictionary);
    const { registry, restriction } = surroundings;
    const mayReach = reachOf((touch) => allows(restriction, command.actOn(registry, [touch])));
    const call: Call<O> = { ...surroundings, text, options, args, format: chosen ?? surroundings.asked, mayReach };
    return { call, chosen };
  };
  const actOf = (call: Call<O>): Act =>
    command.actOn(call.registry, spec.touches?.(call) ?? touchedBy(table, call.options));
  const command: Command = {
    patterns: spec.patterns.map(compilePattern),
    usage: spec.usage ?? usageOf(spec.patterns[0], table),
    method: spec.method,
    remote: spec.remote ?? (spec.method === 'GET' ? 'always' : 'registered'),
    admin: spec.admin ?? false,
    explanation: spec.explanation,
    examples: spec.examples,
    tellsOfAll: spec.filtered === 'words',
    options: { ...table, ...format },
    worksOnData: spec.touches !== undefined || Object.hasOwn(table, 'dbms'),
    actOn: (registry, touches) => ({
      spellings: spellingsOf(command),
      isMeantBy: (entry) => registry.longestIn(entry) === command,
      touches,
    }),
    actOf: (invocation) => actOf(readCall(invocation).call),
    actElsewhere(invocation) {
      const { call } = readCall(invocation);
      const act = actOf(call);
      const shows = command.worksOnData || spec.filtered === true;
      if (act.touches.length > 0 || !shows) return act;
      const named = touchedBy(table, call.options);
      return { ...act, touches: named.length > 0 ? named : [{ dbms: '*', table: '*' }] };
    },
    async run(invocation) {
      const { context, session } = invocation;
      if (command.admin) checkAdmin(context, session, 'run this command');
      const { call, chosen } = readCall(invocation);
      for (const name of givenOfAdmins(table, call.options)) checkAdmin(context, session, `say ${name} here`);
      call.restriction?.check(actOf(call));
      const reply = await spec.run(call);
      return { reply, wantsJson: chosen === 'json' };
    },
  };
  return command;
};

/** Options that were given and are for admins alone. */
const givenOfAdmins = (table: OptionTable, values: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(table).filter((name) => table[name]?.admin === true && values[name] !== undefined);

/** Asked for each file of a list, answered once for each table. */
const reachOf = (allowed: (touch: Touch) => boolean): Call<OptionTable>['mayReach'] => {
  const known = new Map<string, boolean>();
  return (dbms, table) => {
    const name = `${dbms}.${table}`;
    const found = known.get(name) ?? allowed({ dbms, table });
    known.set(name, found);
    return found;
  };
};

/** What the options `dbms` and `table` name. */
const touchedBy = (table: OptionTable, values: Readonly<Record<string, unknown>>): readonly Touch[] => {
  if (!Object.hasOwn(table, 'dbms')) return [];
  const name = (option: string): string => {
    const value = values[option];
    return typeof value === 'string' ? value.normalize('NFC').toLowerCase() : '*';
  };
  return [{ dbms: name('dbms'), table: name('table') }];
};
