import { syntax } from './get-path.ts';
import { findKeyword } from './query.ts';

/** A quoted moment, or one word; the time of an unquoted date may follow it. */
const AS_OF = /^as\s+of\s+(?:"([^"]*)"|'([^']*)'|([^\s"']+(?:\s+\d{1,2}:\d{2}\S*)?))(.*)$/is;

/** The same, and where `on` follows the node: its key, or its name in quotes or as one word. */
const KNOWN_AT =
  /^known\s+at\s+(?:"([^"]*)"|'([^']*)'|([^\s"']+(?:\s+\d{1,2}:\d{2}\S*)?))(?:\s+on\s+(?:"([^"]*)"|'([^']*)'|([^\s"']+)))?(.*)$/is;

/** What a node knew at a time, as a user asks for it; `node` undefined: the one that is asked. */
export interface KnownAtText {
  readonly time: string;
  readonly node: string | undefined;
}

/**
 * Takes `known at DATE on NODE` out of what follows `blockchain get`, wherever it stands outside of quotes and
 * brackets. Throws `POLICY_GET_SYNTAX` where no date follows.
 */
export const splitKnownAt = (text: string): { readonly rest: string; readonly knownAt: KnownAtText | undefined } => {
  const at = findKeyword(text, /^known\s+at(?![\w-])/i);
  if (at < 0) return { rest: text, knownAt: undefined };
  const [, double, single, word, doubleNode, singleNode, nodeWord, after = ''] = KNOWN_AT.exec(text.slice(at)) ?? [];
  const time = double ?? single ?? word;
  if (time === undefined)
    throw syntax('a date expected after "known at"', text.slice(at + 'known at'.length), 'known at "2026-01-31" on n1');
  return {
    rest: `${text.slice(0, at)}${after}`.trim(),
    knownAt: { time, node: doubleNode ?? singleNode ?? nodeWord },
  };
};

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
