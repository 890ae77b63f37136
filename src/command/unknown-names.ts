import type { UnknownName } from '../policy/unknown-names.ts';
import { closest } from './grammar/suggest.ts';
import type { Note } from './note.ts';

const NAME_CHARS_SHOWN = 80;
const NAMES_SHOWN = 3;

const short = (name: string): string => name.slice(0, NAME_CHARS_SHOWN);

const ofTypes = (types: readonly string[] | undefined): string => {
  if (types === undefined) return '';
  return types.length === 1 ? ` of the type ${short(types[0] ?? '')}` : ` of the types ${types.map(short).join(', ')}`;
};

const textOf = ({ kind, name, within, types, known }: UnknownName): string => {
  const what =
    kind === 'type'
      ? `no policy of the type ${short(name)}`
      : `no policy${ofTypes(types)} has the attribute ${[...within, name]
          .filter((part) => part !== '*')
          .map(short)
          .join('.')}`;
  const near = closest(name.slice(0, NAME_CHARS_SHOWN), known);
  return near.length === 0 ? what : `${what}; did you mean ${near.join(', ')}?`;
};

/** Beside an answer that may be empty for a slip of the hand: any name may be asked for, so it is no error. */
export const noteOnNames = (unknown: readonly UnknownName[]): Note | undefined =>
  unknown.length === 0
    ? undefined
    : { code: 'POLICY_NAME_UNKNOWN', text: unknown.slice(0, NAMES_SHOWN).map(textOf).join('; ') };

/**
 * Beside the write of a policy whose type is new, where the name is close to one that is known: any type is allowed, and
 * it may be a slip.
 */
export const noteOnNewType = ({ name, known }: UnknownName, id: string): Note | undefined => {
  const near = closest(name.slice(0, NAME_CHARS_SHOWN), known);
  return near.length === 0
    ? undefined
    : {
        code: 'POLICY_NAME_UNKNOWN',
        text:
          `${short(name)} is a new type of policy; did you mean ${near.join(', ')}? ` +
          `To take it back: blockchain delete policy where id = ${id}`,
      };
};
