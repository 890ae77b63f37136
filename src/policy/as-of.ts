import { syntax } from './get-path.ts';
import { findKeyword } from './query.ts';

/** A quoted moment, or one word; the time of an unquoted date may follow it. */
const AS_OF = /^as\s+of\s+(?:"([^"]*)"|'([^']*)'|([^\s"']+(?:\s+\d{1,2}:\d{2}\S*)?))(.*)$/is;

/**
 * Takes `as of MOMENT` out of what follows `blockchain get`, wherever it stands outside of quotes and brackets. Throws
 * `POLICY_GET_SYNTAX` where no moment follows.
 */
export const splitAsOf = (text: string): { readonly rest: string; readonly asOf: string | undefined } => {
  const at = findKeyword(text, /^as\s+of(?![\w-])/i);
  if (at < 0) return { rest: text, asOf: undefined };
  const found = AS_OF.exec(text.slice(at));
  const [, double, single, word, after = ''] = found ?? [];
  const asOf = double ?? single ?? word;
  if (asOf === undefined)
    throw syntax('a date or a frontier expected after "as of"', text.slice(at + 'as of'.length), 'as of "2026-01-31"');
  return { rest: `${text.slice(0, at)}${after}`.trim(), asOf };
};
