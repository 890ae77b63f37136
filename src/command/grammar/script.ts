import { fault } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX } from '../../base/limits.ts';

/** One command of a script: a line, or a `<…>` block of several. */
export interface ScriptLine {
  readonly text: string;
  /** 1-based line where it starts. */
  readonly line: number;
}

/**
 * Cuts a script into commands: a line each, except that a line which starts with `<` goes on to the line that ends with
 * `>`. Empty lines and comments fall away. Throws `COMMAND_SCRIPT_OVERSIZE`, `COMMAND_SCRIPT_BLOCK` (a block that never ends).
 */
export const splitScript = (content: string): readonly ScriptLine[] => {
  if (content.length > SCRIPT_BYTES_MAX)
    throw fault('COMMAND_SCRIPT_OVERSIZE', `script of ${content.length} characters; at most ${SCRIPT_BYTES_MAX}`);
  const commands: ScriptLine[] = [];
  let block: { readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, line] of content
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .entries()) {
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
