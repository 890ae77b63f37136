import { fault, printedIn, type HoldfastError } from '../../base/errors.ts';

const WORD_SHOWN_CHARS_MAX = 40;

/** Where a script stopped. */
export interface ScriptPlace {
  readonly script: string;
  readonly line: number;
  /** Commands that ran before. */
  readonly done: number;
  /** What they printed. */
  readonly printed: readonly string[];
}

/**
 * The failure with its place. Of a line that is no command only the first word is shown: the file may be no script at
 * all.
 */
export const atLine = (failure: HoldfastError, name: string, place: ScriptPlace): HoldfastError => {
  const { code, message, hint, data } = failure;
  const word = code === 'COMMAND_UNKNOWN' ? data['word'] : undefined;
  const { word: _word, ...rest } = data;
  // What a script within this one printed comes last.
  const printed = [...place.printed, ...printedIn(failure)];
  const shown = typeof word === 'string' ? `unknown command '${word.slice(0, WORD_SHOWN_CHARS_MAX)}'` : message;
  return fault(code, `line ${place.line} of ${name}: ${shown}`, {
    data: { ...rest, ...place, printed },
    ...(hint === undefined ? {} : { hint }),
    // The cause repeats the line.
    ...(shown === message ? { cause: failure } : {}),
  });
};
