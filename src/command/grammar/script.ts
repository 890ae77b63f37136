import { fault } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX } from '../../base/limits.ts';
import type { Sliced } from '../../base/slices.ts';

/** One command of a script: a line, or a `<…>` block of several. */
export interface ScriptLine {
  readonly text: string;
  /** 1-based line where it starts. */
  readonly line: number;
}

/**
 * Cuts a script into commands: a line each, except that a line which starts with `<` goes on to the line that ends with
 * `>`. Empty lines and comments fall away. In slices, since half a million lines take long; it ends after `commandsMax`
 * commands and one more. Throws `COMMAND_SCRIPT_OVERSIZE`, `COMMAND_SCRIPT_BLOCK` (a block that never ends).
 */
export const splitScript = function* (
  content: string,
  commandsMax = Number.POSITIVE_INFINITY,
): Sliced<readonly ScriptLine[]> {
  if (content.length > SCRIPT_BYTES_MAX)
    throw fault('COMMAND_SCRIPT_OVERSIZE', `script of ${content.length} characters; at most ${SCRIPT_BYTES_MAX}`);
  const commands: ScriptLine[] = [];
  let block: { readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of linesOf(content.replace(/^\uFEFF/, ''))) {
    if (index % LINES_AT_ONCE === LINES_AT_ONCE - 1) yield;
    if (commands.length > commandsMax) break;
    const trimmed = line.trim();
    if (block !== undefined) block.lines.push(line);
    else if (trimmed === '' || trimmed.startsWith('#')) continue;
    else if (trimmed.startsWith('<')) block = { line: index + 1, lines: [line] };
    else commands.push({ text: trimmed, line: index + 1 });
    if (block !== undefined && trimmed.endsWith('>')) {
      commands.push({ text: block.lines.join('\n').trim(), line: block.line });
      block = undefined;
    }
  }
  if (block !== undefined)
    throw fault('COMMAND_SCRIPT_BLOCK', `the block that starts in line ${block.line} is not closed`, {
      data: { line: block.line },
      hint: 'end it with > at the end of a line',
    });
  return commands;
};

const LINES_AT_ONCE = 4_096;

/** One after the other, without a list of all. */
const linesOf = function* (content: string): Generator<readonly [index: number, line: string]> {
  let [index, at] = [0, 0];
  for (let end = content.indexOf('\n'); end >= 0; end = content.indexOf('\n', at)) {
    yield [index, content.slice(at, content[end - 1] === '\r' ? end - 1 : end)];
    [index, at] = [index + 1, end + 1];
  }
  yield [index, content.slice(at)];
};
