import type { Readable, Writable } from 'node:stream';
import { styleText } from 'node:util';
import { fault, printedIn, systemCode, textOf, type HoldfastError } from '../base/errors.ts';
import { printable } from '../base/log.ts';

/** What a stream has where somebody sits at its other end. */
interface Tty {
  readonly isTTY?: boolean;
}

/** The streams of the process, or of a test. */
export interface Terminal {
  readonly stdin: Readable & Tty;
  readonly stdout: Writable & Tty;
  readonly stderr: Writable & Tty;
  /** The program was begun by npx, which alone may find it. */
  readonly byNpx?: boolean;
  /** Aborted once nobody reads the output any more; absent where nobody watches. */
  readonly gone?: AbortSignal;
}

/** A terminal whose streams may fail: see {@link watchOutput}. */
export interface WatchedTerminal extends Terminal {
  readonly gone: AbortSignal;
  /** Waits until everything is written; the failure where it could not be. */
  written(): Promise<HoldfastError | undefined>;
}

/**
 * A reader that has gone (`… | head -1`) is no failure: what is still to be printed is dropped, like other tools do.
 */
const isGone = (caught: unknown): boolean =>
  ['EPIPE', 'ECONNRESET', 'ERR_STREAM_DESTROYED'].includes(systemCode(caught) ?? '');

/**
 * Takes the errors of the streams, which would end the process with a stack trace (a node too, when who reads its log
 * ends).
 */
export const watchOutput = ({ stdin, stdout, stderr, byNpx = false }: Terminal): WatchedTerminal => {
  const gone = new AbortController();
  let failure: HoldfastError | undefined;
  stdout.on('error', (caught) => {
    if (!isGone(caught))
      failure ??= fault('CLI_OUTPUT', `the output cannot be written: ${textOf(caught)}`, {
        hint: 'is the disk that it goes to full?',
        cause: caught,
      });
    gone.abort();
  });
  stderr.on('error', () => {
    // There is nowhere left to say it.
  });
  return {
    stdin,
    stdout,
    stderr,
    byNpx,
    gone: gone.signal,
    // Its callback comes after that of everything written before, and after the errors of those.
    written: () => new Promise((resolve) => stdout.write('', () => setImmediate(() => resolve(failure)))),
  };
};

/** Whether a person looks at what is written there. */
export const isWatched = (stream: Tty): boolean => stream.isTTY === true;

/** Where a person looks, no text may drive the terminal; a file or a program gets it byte for byte. */
const shownOn = (stream: Tty, text: string): string => (isWatched(stream) ? printable(text) : text);

/** Prints text with exactly one line end; nothing for an empty answer. */
export const printText = (stream: Writable & Tty, text: string): void => {
  if (text !== '') stream.write(shownOn(stream, text.endsWith('\n') ? text : `${text}\n`));
};

/** What a node says beside its answer; not where a program reads that. */
export const printNote = ({ stderr }: Terminal, text: string): void => {
  stderr.write(`${styleText('yellow', 'note:', { stream: stderr })} ${shownOn(stderr, text)}\n`);
};

const CALLS = /(?<![\w./-]|npx )holdfast (?=--|(?:start|exec|shell|backup|audit|demo)\b)/g;

/** A text that says what to type, as the person has to type it here. */
export const asTyped = ({ byNpx }: Pick<Terminal, 'byNpx'>, text: string): string =>
  byNpx === true ? text.replace(CALLS, 'npx holdfast ') : text;

/** What was printed before it failed, then what happened and, indented below it, what to do; red only on a terminal. */
export const printFault = ({ stdout, stderr, byNpx = false }: Terminal, error: HoldfastError): void => {
  printText(stdout, printedIn(error).join('\n'));
  stderr.write(`${styleText('red', 'error:', { stream: stderr })} ${shownOn(stderr, error.message)}\n`);
  if (error.hint !== undefined) stderr.write(shownOn(stderr, `  hint: ${asTyped({ byNpx }, error.hint)}\n`));
};
