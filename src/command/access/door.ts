import { fault, hasCode, type HoldfastError } from '../../base/errors.ts';
import { assignedTo, type Held, heldBy, type Place } from '../../policy/permissions/assigned.ts';
import { type Act, beginsWith, judge } from '../../policy/permissions/judge.ts';
import type { CommandContext } from '../context.ts';
import { ownOperator } from '../facts.ts';
import type { Session } from '../executor.ts';
import type { Person } from './access.ts';

/** What permissions policies leave somebody to do at this node's doors. */
export interface Restriction {
  /** `ACCESS_REFUSED`: what is missing, and who can give it. */
  check(act: Act): void;
}

/** Whether somebody may do it. */
export const allows = (restriction: Restriction | undefined, act: Act): boolean => {
  try {
    restriction?.check(act);
    return true;
  } catch (caught) {
    if (hasCode(caught, 'ACCESS_REFUSED')) return false;
    throw caught;
  }
};

const WHO = 'an admin of a node that may write policies can give it (get member permissions): ';

const refusal = (text: string, hint: string, data: Readonly<Record<string, unknown>>): HoldfastError =>
  fault('ACCESS_REFUSED', text, { data, hint: WHO + hint });

const placeOf = (context: CommandContext): Place => ({
  company: context.facts.company,
  cluster: ownOperator(context)?.cluster,
});

const restrictedTo = ({ permissions, missing }: Held): Restriction => ({
  check(act) {
    const [gone] = missing;
    if (gone !== undefined)
      throw refusal(
        `the permissions ${gone} that are assigned are no policy in force, so nothing is allowed`,
        'insert them again, or assign others',
        { missing },
      );
    const lacks = judge(permissions, act);
    if (lacks === undefined) return;
    const ids = permissions.map(({ id }) => id);
    throw refusal(lacks, `blockchain update where id = ${ids[0] ?? ''} and policy = {"permissions": {…}}`, {
      command: act.spellings[0],
      permissions: ids,
    });
  },
});

const UNASSIGNED: Restriction = {
  check() {
    throw refusal(
      'nothing is assigned to this certificate',
      'blockchain insert where policy = {"assignment": {"permissions": ID, "members": [KEY]}}',
      {},
    );
  },
};

/** What all of them allow. */
const together = (restrictions: readonly (Restriction | undefined)[]): Restriction | undefined => {
  const held = restrictions.filter((restriction) => restriction !== undefined);
  if (held.length < 2) return held[0];
  return {
    check(act) {
      for (const each of held) each.check(act);
    },
  };
};

/**
 * Whether and how somebody is restricted here; undefined for who has the rights of its kind. A user goes by its own
 * permissions and by what is assigned to its key, and may do what both allow.
 */
export const restrictionOf = (context: CommandContext, person: Person | undefined): Restriction | undefined => {
  if (person === undefined) return undefined;
  const { book } = context.policies;
  const { by, permissions, key } = person;
  const ofUser = permissions === undefined ? undefined : restrictedTo(heldBy(book, [permissions]));
  const assigned = key === undefined ? undefined : assignedTo(book, key, placeOf(context));
  const ofKey = assigned === undefined ? undefined : restrictedTo(assigned);
  return together([ofUser, ofKey]) ?? (by === 'certificate' ? UNASSIGNED : undefined);
};

/** Whether it decides who may do what: nobody who goes by permissions, since it could let itself off. */
export const isAdmin = (context: CommandContext, person: Person | undefined): boolean =>
  person?.admin === true && restrictionOf(context, person) === undefined;

/** Whether it commands the node as a whole: its own start script, or an admin. */
export const commandsAll = (context: CommandContext, { caller, person }: Pick<Session, 'caller' | 'person'>): boolean =>
  caller === 'local' || isAdmin(context, person);

/**
 * The one check of what is left to admins, wherever it is said that something is: by a command, an option, or a kind of
 * policy. `ACCESS_REFUSED`. `what`: as in "only an admin may …".
 */
export const checkAdmin = (
  context: CommandContext,
  session: Pick<Session, 'caller' | 'person'>,
  what: string,
): void => {
  if (commandsAll(context, session)) return;
  throw fault('ACCESS_REFUSED', `only an admin may ${what}`, {
    hint: 'ask who holds the node’s token, or a user of type admin; who goes by permissions is none, and other nodes are none',
  });
};

/**
 * The caller of a script as it stands today, asked before each line: a script may run for long. `ACCESS_REFUSED` where
 * what it was let in by is gone.
 */
export const stillAdmitted = ({ access }: CommandContext, person: Person | undefined): Person | undefined => {
  if (person === undefined) return undefined;
  const current = access.current(person);
  if (current !== undefined) return current;
  throw fault('ACCESS_REFUSED', 'who started this script is not let in any more, or not with the same rights', {
    data: { by: person.by, name: person.name },
    hint: 'start it again as who may do it now: get users, get authentication',
  });
};

/** What is no command of the table, in the words by which permissions name it. */
export const plainAct = (words: string, touches: Act['touches'] = []): Act => ({
  spellings: [words],
  isMeantBy: (entry) => beginsWith(entry, words),
  touches,
});

/**
 * Throws `ACCESS_REFUSED` where permissions that are assigned to a node's key do not let it ask this table. For queries
 * that nodes send each other, which are no commands.
 */
export const checkAsker = (context: CommandContext, key: string, dbms: string, table: () => string): void => {
  const restriction = restrictionOf(context, { by: 'node', name: '', admin: false, key });
  restriction?.check(plainAct('sql', [{ dbms: dbms.toLowerCase(), table: table() }]));
};
