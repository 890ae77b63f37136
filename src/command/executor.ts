import { SESSION_CHARS_MAX } from '../base/limits.ts';
import type { Person } from './access/access.ts';
import type { Note } from './note.ts';
import { Variables } from './variables.ts';

/** Where a command comes from; see {@link Session.caller}. */
export type Caller = 'local' | 'rest' | 'peer';

/**
 * What one caller (a REST request, a shell, a script) keeps between its commands. Make one with {@link createSession}.
 */
export interface Session {
  /**
   * `local`: the node's own start script. `rest`: whoever reaches the REST port; reads of the node's user's files and
   * environment only what is meant for it. `peer`: another node, which may do less still (`remote/SPEC.md`).
   */
  readonly caller: Caller;
  /** Who sends a REST request or, as a node, a command; undefined for the start script. */
  readonly person: Person | undefined;
  /**
   * The caller's own view of the dictionary: what it assigned itself hides what others assign meanwhile, so that two
   * callers which both say `policy = …` never insert each other's. Assignments reach the node's dictionary as well.
   * `undefined`: the node's dictionary alone.
   */
  readonly scope: Variables | undefined;
  /** The standing destination that `run client (dest)` without a command sets, as typed; undefined: this node. */
  destination: string | undefined;
  /** Of a script that runs: what `[+]` means in its lines. */
  readonly index?: (variable: string) => number | undefined;
  /** Of a script that runs: told when a line of it has waited, which gives it its lines anew. */
  readonly rested?: () => void;
}

/** A session; `isolated` gives it a scope of its own (one for each REST request). */
export const createSession = (options: { isolated?: boolean; caller?: Caller; person?: Person } = {}): Session => ({
  caller: options.caller ?? 'local',
  person: options.person,
  scope: options.isolated === true ? new Variables('the request', SESSION_CHARS_MAX) : undefined,
  destination: undefined,
});

/** What a command gave. Both are empty for a silent command. */
export interface CommandOutput {
  /** For people, or the JSON text where JSON was asked for (by `format` or by the command itself). */
  readonly text: string;
  /** The same as a value; undefined where the command has no JSON form or printed nothing. */
  readonly json: unknown;
  /**
   * The text in pieces that take a few milliseconds each, where it may be long: who can send it so leaves `text` alone.
   */
  readonly pieces?: () => Iterable<string>;
  /** What is to be known about the answer, beside it: whoever reads that as JSON or text still can. */
  readonly note?: Note | undefined;
  /** Where the answer is a file: its bytes. Who cannot take them shows the text. */
  readonly file?: AsyncIterable<Uint8Array>;
}

/** A command as it comes in, with who sends it and in which form the answer is wanted. */
export interface CommandRequest {
  /** One line, one `<…>` block, or one assignment. At most `COMMAND_CHARS_MAX`. */
  readonly text: string;
  /** `json`: as if the command had said `format = json`, where it knows that. */
  readonly format: 'text' | 'json' | undefined;
  /** Of a long table, the titles once: a program reads it. Else above each 25 rows, as documented. */
  readonly titlesOnce?: boolean;
  readonly signal?: AbortSignal;
  readonly session: Session;
}

/** Rows for a table, as a REST PUT brings them. */
export interface PutCommand {
  readonly dbms: string;
  readonly table: string;
  /** `file`: durable and visible when it resolves; `streaming`: durable in the buffer. */
  readonly mode: 'file' | 'streaming';
  readonly source: string;
  readonly instructions: string;
  /** One JSON object, a JSON list, or objects one a line. */
  readonly content: Uint8Array;
}

/** Which REST verb a command wants; `any` where both will do. */
export type CommandMethod = 'GET' | 'POST' | 'any';

/** The port between the command language and the front doors (REST, command line, scripts, other nodes). */
export interface CommandExecutor {
  /** Runs one command. Every failure is a `HoldfastError`; its documented number is `errorNumber(error.code)`. */
  execute(request: CommandRequest): Promise<CommandOutput>;
  /** The verb of a command's family; `any` for text that is no command (executing it says so). Never throws. */
  methodOf(text: string): CommandMethod;
  /** Ways to go on from what has been typed, whole lines, best first, at most 50. Never throws. */
  complete(prefix: string): readonly string[];
  /** `hash`: 32 hex digits in file mode, `0` in streaming mode, as documented. */
  put(command: PutCommand, person?: Person): Promise<{ readonly hash: string }>;
}
