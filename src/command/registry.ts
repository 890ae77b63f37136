import { fault } from '../base/errors.ts';
import { type Act, beginsWith, plainWords, type Touch } from '../policy/permissions/judge.ts';
import type { Restriction } from './access/door.ts';
import type { CommandContext } from './context.ts';
import type { Dictionary, SessionDictionary } from './dictionary.ts';
import type { CommandMethod, CommandOutput, Session } from './executor.ts';
import { isKeyword, type Token } from './grammar/lexer.ts';
import { pairsAfter } from './grammar/pairs.ts';
import { quoted } from './grammar/syntax.ts';
import type { OptionTable } from './options.ts';
import { matchPattern, type Pattern, type PatternMatch } from './pattern.ts';
import type { RemoteCommands } from './remote/protocol.ts';
import type { RemoteUse } from './remote/state.ts';
import type { Answer } from './reply.ts';
import { unknownCommand } from './unknown.ts';

/** A documented command that this program has not: who types it is told what does the work instead. */
export interface AbsentCommand {
  readonly pattern: Pattern;
  /** Why there is no such command, or what there is instead. */
  readonly instead: string;
}

/** Commands that belong together, for people who look for one. */
export interface CommandGroup {
  readonly about: string;
  readonly commands: readonly Command[];
}

/** What the lines of one script have in common. */
export interface ScriptSession {
  /** What `[+]` means in them. */
  readonly index: (variable: string) => number | undefined;
  /** A line has waited: it does not go round and round. */
  readonly rested: () => void;
  /** What ends them. */
  readonly signal: AbortSignal | undefined;
}

/** The lines of one script, for its caller. */
export interface ScriptLines {
  /**
   * `ACCESS_REFUSED` where the caller is not let in any more; asked before each line, and ends the script whatever it
   * says of errors.
   */
  checkCaller(): void;
  execute(text: string): Promise<CommandOutput>;
}

/** What every command runs in. */
export interface Surroundings {
  readonly context: CommandContext;
  readonly session: Session;
  readonly dictionary: SessionDictionary;
  /** All variables of the node, for `get dictionary`. */
  readonly variables: Dictionary;
  readonly signal: AbortSignal | undefined;
  /** `json` where the caller asked for it outside of the command's text. */
  readonly asked: 'text' | 'json' | undefined;
  /** Whether the caller wants a long table's titles once. */
  readonly titlesOnce: boolean | undefined;
  readonly registry: Registry;
  readonly remote: RemoteCommands;
  /** How many scripts, conditions and destinations stand around this command. */
  readonly depth: number;
  /** Runs another command line within this one, on this node. Its text is JSON only where it or `format` says so. */
  execute(text: string, format?: 'text' | 'json'): Promise<CommandOutput>;
  /** Runs the lines of a script, one a call: what `run client (DEST)` alone sets stays from line to line. */
  newScript(of: ScriptSession): ScriptLines;
  /**
   * The same for a command that this one is made of: whoever may run this one may run it. Never for what the caller
   * typed.
   */
  readonly executeOwn: (text: string, format?: 'text' | 'json') => Promise<CommandOutput>;
  /** What the caller's permissions leave it to do; undefined where it is not restricted. */
  readonly restriction: Restriction | undefined;
}

/** The words by which permissions name a command: those before its first value, of each spelling. */
export const spellingsOf = ({ patterns }: Pick<Command, 'patterns'>): readonly string[] =>
  patterns.map(({ lead }) => plainWords(lead.join(' ')));

/** A command of the table, its types closed over. */
export interface Command {
  readonly patterns: readonly Pattern[];
  /** The documented words with all options. */
  readonly usage: string;
  readonly method: CommandMethod;
  readonly remote: RemoteUse;
  readonly admin: boolean;
  readonly explanation: string;
  readonly examples: readonly string[];
  readonly options: OptionTable;
  /** Whether it has to do with databases and tables. */
  readonly worksOnData: boolean;
  /** The command as permissions see it, with what it would touch. */
  actOn(registry: Registry, touches: readonly Touch[]): Act;
  /** The same, with what its options say that it would touch. Throws what its options throw. */
  actOf(invocation: Invocation): Act;
  /**
   * The same where another node runs it, which leaves out nothing for the caller: what it does not name it shows all
   * of.
   */
  actElsewhere(invocation: Invocation): Act;
  /** Whether its words may tell of any table, where they are not for its caller. */
  readonly tellsOfAll: boolean;
  run(invocation: Invocation): Promise<Answer>;
}

/** A command of the table about to run. */
export interface Invocation extends Surroundings {
  readonly text: string;
  readonly tokens: readonly Token[];
  readonly match: PatternMatch;
}

/** The command of some tokens, and how they match it. */
export interface Found {
  readonly command: Command;
  readonly match: PatternMatch;
  readonly tokens: readonly Token[];
}

/** Whether an option is said by which the command changes something. Throws what a run would. */
const saysChange = ({ command: { options }, tokens, match }: Found): boolean => {
  const changing = Object.keys(options).filter((name) => options[name]?.changes === true);
  return changing.length > 0 && pairsAfter(tokens, match.next).some(({ key }) => changing.includes(key));
};

/** `ledger …` is `blockchain …`; the place of every word stays. */
const withSynonyms = (tokens: readonly Token[]): readonly Token[] => {
  const first = tokens[0];
  return first !== undefined && isKeyword(first, 'ledger')
    ? [{ ...first, text: 'blockchain' }, ...tokens.slice(1)]
    : tokens;
};

/** The one table of commands: parsing, help, completion, REST verbs and the rights of other nodes all come from it. */
export class Registry {
  readonly groups: readonly CommandGroup[];
  readonly commands: readonly Command[];
  readonly #absent: readonly AbsentCommand[];

  constructor(groups: readonly CommandGroup[], absent: readonly AbsentCommand[] = []) {
    this.groups = groups;
    this.commands = groups.flatMap(({ commands }) => commands);
    this.#absent = absent;
  }

  /**
   * The documented command that a line is and this program has not. One of ours that says more of the line comes first.
   */
  absentIn(typed: readonly Token[]): AbsentCommand | undefined {
    const tokens = withSynonyms(typed);
    let [best, score] = [undefined as AbsentCommand | undefined, this.#best(tokens)?.match.score ?? 0];
    for (const command of this.#absent) {
      const found = matchPattern(command.pattern, tokens)?.score ?? 0;
      if (found > score) [best, score] = [command, found];
    }
    return best;
  }

  /** The command of a line, or undefined. Of several that match the one with the most words counts. */
  find(typed: readonly Token[]): Found | undefined {
    const best = this.#best(withSynonyms(typed));
    return best?.match.whole === true ? best : undefined;
  }

  /** The command whose spelling is the longest beginning of an entry that is no beginning of a command itself. */
  longestIn(entry: string): Command | undefined {
    let best: { readonly command: Command; readonly words: string } | undefined;
    for (const command of this.commands)
      for (const words of spellingsOf(command)) {
        if (beginsWith(words, entry)) return undefined;
        if (beginsWith(entry, words) && words.length > (best?.words.length ?? 0)) best = { command, words };
      }
    return best?.command;
  }

  /** The command that a line is, or begins. */
  commandOf(typed: readonly Token[]): Command | undefined {
    return this.#best(withSynonyms(typed))?.command;
  }

  /** The verb of a command; `any` where the words are no command. */
  methodOf(typed: readonly Token[]): CommandMethod {
    const best = this.#best(withSynonyms(typed));
    if (best === undefined) return 'any';
    return saysChange(best) ? 'POST' : best.command.method;
  }

  /** As `find`; throws `COMMAND_UNKNOWN` or, where the words are right and the rest is not, `COMMAND_STRUCTURE`. */
  get(typed: readonly Token[]): Found {
    const tokens = withSynonyms(typed);
    const absent = this.absentIn(tokens);
    if (absent !== undefined)
      throw fault('COMMAND_UNSUPPORTED', `${absent.pattern.text} is not in this version`, { hint: absent.instead });
    const best = this.#best(tokens);
    if (best === undefined) throw unknownCommand(this.commands, tokens);
    if (best.match.whole) return best;
    const wrong = tokens[best.match.next];
    throw fault(
      'COMMAND_STRUCTURE',
      wrong === undefined
        ? 'the command is not complete'
        : `unexpected ${quoted(wrong.raw)} (at character ${wrong.at + 1})`,
      {
        data: { at: (wrong?.at ?? tokens.at(-1)?.end ?? 0) + 1, expected: best.command.usage },
        hint: `usage: ${best.command.usage}`,
      },
    );
  }

  #best(tokens: readonly Token[]): Found | undefined {
    let best: Found | undefined;
    for (const command of this.commands) {
      for (const pattern of command.patterns) {
        const match = matchPattern(pattern, tokens);
        if (match !== undefined && (best === undefined || isBetter(match, best.match)))
          best = { command, match, tokens };
      }
    }
    return best;
  }
}

/** A whole match before a partial one, then more words, then what leaves less over. */
const isBetter = (a: PatternMatch, b: PatternMatch): boolean => {
  if (a.whole !== b.whole) return a.whole;
  return a.score - b.score > 0 || (a.score === b.score && a.next > b.next);
};
