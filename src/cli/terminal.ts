import { styleText } from 'node:util';
import type { HoldfastError } from '../base/errors.ts';

/** The streams of the process, as a port for tests. */
export interface Terminal {
  readonly stdin: NodeJS.ReadStream;
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
}

/** Prints text with exactly one line end; nothing for an empty answer. */
export const printText = (stream: NodeJS.WritableStream, text: string): void => {
  if (text !== '') stream.write(text.endsWith('\n') ? text : `${text}\n`);
};

/** What happened and, indented below it, what to do; red only on a terminal. */
export const printFault = (terminal: Terminal, error: HoldfastError): void => {
  const { stderr } = terminal;
  stderr.write(`${styleText('red', 'error:', { stream: stderr })} ${error.message}\n`);
  if (error.hint !== undefined) stderr.write(`  hint: ${error.hint}\n`);
};
