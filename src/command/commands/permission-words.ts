import { fault } from '../../base/errors.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import { beginsWith, plainWords } from '../../policy/permissions/judge.ts';
import { closest } from '../grammar/suggest.ts';
import { type Registry, spellingsOf } from '../registry.ts';

/** At the doors and no command of the table: rows by PUT. */
const PUT = 'put';

const textsIn = (value: JsonValue | undefined): readonly string[] =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : [];

/** An entry of permissions that does nothing, why, and what it may have been meant to be. */
interface IdleEntry {
  readonly attribute: 'enable' | 'disable';
  readonly text: string;
  readonly maybe: readonly string[];
}

const idle = (attribute: IdleEntry['attribute'], entry: string, why: string): Omit<IdleEntry, 'maybe'> => ({
  attribute,
  text: `${JSON.stringify(entry.slice(0, 128))} in ${attribute} ${why}`,
});

/**
 * Entries of permissions that mean no command of this program: what they were to allow or forbid is not. What goes on
 * beyond the words of a command stands for all of it where it forbids, and for nothing where it enables.
 */
export const idleEntries = (registry: Registry, value: JsonObject): readonly IdleEntry[] => {
  const spellings = [...registry.commands.flatMap(spellingsOf), PUT];
  const isBeginning = (words: string): boolean =>
    words === '*' || (words !== '' && spellings.some((spelling) => beginsWith(spelling, words)));
  const means = { enable: isBeginning, disable: (words: string) => isBeginning(words) || goesOn(registry, words) };
  return [
    ...enablesNothing(value),
    ...(['enable', 'disable'] as const).flatMap((attribute) =>
      textsIn(value[attribute])
        .filter((entry) => !means[attribute](plainWords(entry)))
        .map((entry) => ({
          ...idle(attribute, entry, 'is no beginning of a command'),
          maybe: near(registry, spellings, plainWords(entry)),
        })),
    ),
    ...textsIn(value['enable'])
      .filter((entry) => isForAdmins(registry, plainWords(entry)))
      .map((entry) => ({
        ...idle('enable', entry, 'names only commands of admins, who go by no permissions'),
        maybe: [],
      })),
  ];
};

const enablesNothing = ({ enable }: JsonObject): readonly IdleEntry[] =>
  Array.isArray(enable) && enable.length === 0
    ? [{ attribute: 'enable', text: 'enable is an empty list: nobody could run anything by it', maybe: [] }]
    : [];

/** Whether each command that the words begin is one of admins. */
const isForAdmins = (registry: Registry, words: string): boolean => {
  const meant = registry.commands.filter((command) => spellingsOf(command).some((each) => beginsWith(each, words)));
  return meant.length > 0 && meant.every(({ admin }) => admin);
};

const goesOn = (registry: Registry, words: string): boolean => registry.longestIn(words) !== undefined;

/** The command that it goes on from, else those that are spelt like it. */
const near = (registry: Registry, spellings: readonly string[], words: string): readonly string[] => {
  const shorter = spellings.filter((spelling) => beginsWith(words, spelling)).sort((a, b) => b.length - a.length)[0];
  return shorter !== undefined && goesOn(registry, words) ? [shorter] : closest(words, spellings);
};

/** What `blockchain test` says of it. */
export const idleText = ({ text }: IdleEntry): string => text;

/** Refuses permissions that would do nothing where they are written. `POLICY_STRUCTURE`. */
export const refuseIdleEntries = (registry: Registry, type: string, value: JsonObject): void => {
  const [first] = type === 'permissions' ? idleEntries(registry, value) : [];
  if (first === undefined) return;
  throw fault('POLICY_STRUCTURE', `permissions policy: ${idleText(first)}: it would do nothing`, {
    data: { type, attribute: first.attribute, maybe: first.maybe },
    hint:
      first.maybe.length > 0
        ? `Maybe: ${first.maybe.join(', ')}`
        : 'commands are named by their first words, * is all, put is rows by PUT; see: help',
  });
};
