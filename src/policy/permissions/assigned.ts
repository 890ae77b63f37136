import type { PolicyBook, PolicyState } from '../book.ts';
import { capsOf } from '../authority/members.ts';
import { assignmentSchema } from '../kinds/assignment.ts';
import { permissionsSchema } from '../kinds/permissions.ts';
import type { Permissions } from './judge.ts';

type Book = Pick<PolicyBook, 'get' | 'ofType' | 'revision' | 'authority'>;

/** The node at whose door somebody stands. */
export interface Place {
  readonly company: string;
  /** Of the operator that this node's policy makes it. */
  readonly cluster: string | undefined;
}

/** An assignment in force. */
export interface Assignment {
  readonly id: string;
  readonly permissions: string;
  readonly members: readonly string[];
  readonly company: string | undefined;
  readonly cluster: string | undefined;
}

/** What somebody holds at a door. */
export interface Held {
  readonly permissions: readonly Permissions[];
  /** Ids that are named and are no permissions in force: then nothing is allowed. */
  readonly missing: readonly string[];
}

const readAssignment = ({ id, value }: PolicyState): readonly Assignment[] => {
  const read = assignmentSchema.safeParse(value);
  if (!read.success) return [];
  const { permissions, members, company, cluster } = read.data;
  return [{ id, permissions, members, company, cluster }];
};

interface Kept {
  readonly revision: number;
  readonly assignments: readonly Assignment[];
  /** Keys that a key stands in for: asked for at each command of a node. */
  readonly former: Map<string, readonly string[]>;
}

const kept = new WeakMap<Book, Kept>();

const keptOf = (book: Book): Kept => {
  const known = kept.get(book);
  if (known?.revision === book.revision) return known;
  const fresh = { revision: book.revision, assignments: book.ofType('assignment').flatMap(readAssignment) };
  const made = { ...fresh, former: new Map<string, readonly string[]>() };
  kept.set(book, made);
  return made;
};

/** The assignments in force, in the ledger's order. */
export const assignmentsOf = (book: Book): readonly Assignment[] => keptOf(book).assignments;

/** The key and those that it stands in for. */
export const keysOf = (book: Book, key: string): readonly string[] => {
  const { former } = keptOf(book);
  const known = former.get(key);
  if (known !== undefined) return known;
  const { authority } = book;
  const keys = [key, ...capsOf(authority, key).flatMap((cap) => authority.rightsOf({ cap })?.former ?? [])];
  former.set(key, keys);
  return keys;
};

const permissionsOf = (book: Book, id: string): Permissions | undefined => {
  const state = book.get(id);
  const read = state?.type === 'permissions' ? permissionsSchema.safeParse(state.value) : undefined;
  if (read?.success !== true) return undefined;
  const { name, enable = [], disable = [], databases = [], tables } = read.data;
  return { id, name, enable, disable, databases, tables };
};

const DOOR_ATTRIBUTES = ['enable', 'disable', 'databases', 'tables'] as const;

/** Permissions that say nothing of doors restrict nobody to whom they are assigned. */
const givesOnlyRoles = (book: Book, id: string): boolean => {
  const state = book.get(id);
  return state?.type === 'permissions' && DOOR_ATTRIBUTES.every((attribute) => state.value[attribute] === undefined);
};

/** What permissions say by their ids. */
export const heldBy = (book: Book, ids: readonly string[]): Held => {
  const found = ids.map((id) => [id, permissionsOf(book, id)] as const);
  return {
    permissions: found.flatMap(([, permissions]) => permissions ?? []),
    missing: found.flatMap(([id, permissions]) => (permissions === undefined ? [id] : [])),
  };
};

const holdsAt = ({ company, cluster }: Assignment, place: Place): boolean =>
  (company === undefined || place.company.startsWith(company)) && (cluster === undefined || cluster === place.cluster);

/** What is assigned to a key, or to one that it stands in for, at a door; undefined where nothing is. */
export const assignedTo = (book: Book, key: string, place: Place): Held | undefined => {
  const assignments = assignmentsOf(book);
  if (assignments.length === 0) return undefined;
  const keys = keysOf(book, key);
  const found = assignments.filter(
    (assignment) => keys.some((each) => assignment.members.includes(each)) && holdsAt(assignment, place),
  );
  const ids = [...new Set(found.map(({ permissions }) => permissions))].filter((id) => !givesOnlyRoles(book, id));
  return ids.length === 0 ? undefined : heldBy(book, ids);
};
