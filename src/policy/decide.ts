import { fault, type HoldfastError } from '../base/errors.ts';
import type { JsonObject, JsonValue } from '../codec/json.ts';
import { canonicalJson } from '../codec/canonical.ts';
import type { Proposal } from '../ledger/ledger.ts';
import { refuseRevoked } from './authority/decide.ts';
import { capsOf } from './authority/members.ts';
import type { Change, Rights } from './authority/rights.ts';
import type { PolicyState } from './book.ts';
import { placesKey } from './claims.ts';
import { checkDrop, checkDropsKept } from './drops.ts';
import { applyChanges, isTakeover, peerOf } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { type Claim, describeKey } from './kinds/kind.ts';
import { MEMBER_MAX } from './kinds/operator.ts';
import { kindOf } from './kinds/registry.ts';
import { capFor, stepsToMove } from './moving.ts';
import { nameKeys, refuseNameTaken } from './names.ts';
import { refuseObjections } from './objections.ts';
import { rightsIn, sameRights } from './permissions/grants.ts';
import { checkSize, policyId, readPolicy } from './shape.ts';

/**
 * A write that the book allows now, and what it relies on: no other write may touch these keys until it is in the book.
 */
export interface Decision {
  readonly proposal: Proposal;
  readonly keys: readonly string[];
}

/** Who writes. */
export interface Writer {
  /** The own public key. */
  readonly key: string;
  /** Whether a policy of a node type stands for this node itself: then the network adds the key to it. */
  isOwn(type: string, value: JsonObject): boolean;
}

type View = Pick<LedgerFold, 'get' | 'ofType' | 'holderOf' | 'namedBy' | 'memberHolder' | 'waiting' | 'authority'>;

/** The key that stands for a policy's id. */
const idKey = (id: string): string => `id\u0000${id}`;

/**
 * May this policy be added? Throws `POLICY_STRUCTURE`, `POLICY_ATTRIBUTE_NAME`, `POLICY_OVERSIZE`, `POLICY_ID_TAKEN`,
 * `POLICY_ADDRESS_TAKEN`, `POLICY_NOT_UNIQUE`, `POLICY_DUPLICATE`, `POLICY_CLUSTER_UNKNOWN`, `POLICY_CLUSTER_FULL`,
 * `POLICY_PARENT`, `POLICY_NOT_OWNER`, `POLICY_NOT_AUTHORISED`, `POLICY_UNKNOWN`.
 */
export const decideInsert = (view: View, policy: unknown, writer: Writer): Decision => {
  const { type, givenId, value: written } = readPolicy(policy);
  const id = givenId ?? policyId(type, written);
  checkId(view, id);
  const own = ownedBy(writer, type, written);
  refuseObjections(view, { type, value: own, author: writer.key, owner: writer.key }, Object.keys(own));
  const claims = kindOf(type)?.claims(own) ?? [];
  checkClaims(view, id, claims);
  refuseNameTaken(view, type, id, own);
  const keys = [idKey(id), ...nameKeys(type, own), ...claims.map(({ key }) => key)];
  const value = type === 'operator' ? placed(view, id, own, keys) : own;
  if (type === 'cluster') checkParent(view, value);
  if (type === 'drop') checkDrop(view, value);
  if (type === 'member') checkRoot(view, value);
  checkSize(value);
  const cap = authorised(view, { author: writer.key, type, id, before: undefined, after: value });
  return { proposal: { op: 'insert', type, id, replaces: null, content: value, cap }, keys };
};

/**
 * May these attributes be replaced (null removes one)? Undefined where nothing would change. Throws `POLICY_UNKNOWN`
 * and what {@link decideInsert} throws.
 */
export const decideUpdate = (view: View, id: string, changes: JsonObject, writer: Writer): Decision | undefined => {
  const { type, before, value, replaces, owner } = currentOf(view, id);
  checkNotFinal(type, id);
  for (const fixed of ['id', 'date', 'ledger'])
    if (Object.hasOwn(changes, fixed) && !sameJson(changes[fixed], before[fixed]))
      throw fault('POLICY_STRUCTURE', `${fixed} of a policy does not change`, {
        data: { id, attribute: fixed },
        hint: fixed === 'id' ? 'delete this policy and insert another' : `leave ${fixed} out`,
      });
  const effective = Object.entries(changes).filter(
    ([name, after]) => !['id', 'date', 'ledger'].includes(name) && !sameJson(after ?? undefined, value[name]),
  );
  if (effective.length === 0 && !Array.isArray(replaces)) return undefined;
  const content: JsonObject = Object.fromEntries(effective);
  if (!isTakeover(value, content, writer.key))
    checkOwner(writer, type, id, value, (peer) =>
      stepsToMove(view, { author: peer, type, id, before: value, after: { ...value, ...content } }),
    );
  const after = applyChanges(type, value, content);
  checkOwner(writer, type, id, after);
  refuseObjections(view, { type, value: after, author: writer.key, owner }, Object.keys(content));
  const claims = kindOf(type)?.claims(after) ?? [];
  checkClaims(view, id, claims);
  const named = nameKeys(type, after);
  // A child cluster gets the name of its own by losing its parent, too.
  if (named[0] !== nameKeys(type, value)[0]) refuseNameTaken(view, type, id, after);
  const keys = [idKey(id), ...named, ...claims.map(({ key }) => key)];
  if (type === 'operator') checkMove(view, id, content, after, keys);
  if (type === 'cluster') {
    checkParent(view, after);
    checkDropsKept(view, id, value, after);
  }
  if (type === 'member') checkRoot(view, after);
  if (type === 'permissions' && !sameRights(rightsIn(value), rightsIn(after))) checkNotAssigned(view, id);
  checkSize(after);
  const normal = effective.map(([name, wish]): [string, JsonValue] => [
    name,
    wish === null ? null : (after[name] ?? null),
  ]);
  const cap = authorised(view, { author: writer.key, type, id, before: value, after });
  return { proposal: { op: 'update', type, id, replaces, content: Object.fromEntries(normal), cap }, keys };
};

/** May this policy be deleted? One that has no effect may be, too. Throws `POLICY_UNKNOWN`. */
export const decideDelete = (view: View, id: string, writer: Writer): Decision => {
  const state = view.get(id);
  const waiting = state === undefined ? view.waiting(id) : undefined;
  const found = state ?? waiting;
  if (found === undefined) throw unknownPolicy(id);
  if (state?.type === 'cluster') checkClusterFree(view, id);
  if (state?.type === 'permissions') checkNotAssigned(view, id);
  const [type, before] = [found.type, found.value];
  checkNotFinal(type, id);
  const replaces = state === undefined ? (waiting?.entry ?? null) : replacedBy(state);
  const cap = authorised(view, { author: writer.key, type, id, before, after: undefined });
  return { proposal: { op: 'delete', type, id, replaces, content: {}, cap }, keys: [idKey(id)] };
};

/** The grant to cite for a change; undefined before there is a network. Throws `POLICY_NOT_AUTHORISED`. */
export const authorised = (view: Pick<View, 'authority' | 'get'>, change: Change): string | undefined => {
  const { authority } = view;
  if (authority.genesis === undefined) return undefined;
  const cap = capFor(view, change);
  if (cap !== undefined) return cap;
  const caps = capsOf(authority, change.author);
  if (caps.length === 0) refuseRevoked(authority, change.author);
  const held = caps.flatMap((each) => authority.rightsOf({ cap: each }) ?? []);
  const steps = stepsToMove(view, change);
  throw fault(
    'POLICY_NOT_AUTHORISED',
    caps.length === 0
      ? 'this node has no grant: it may read what it holds, and write nothing'
      : `this node may not write ${[change.type, change.id].filter((part) => part !== '').join(' ')}: its grants are those of ${held.map(grantText).join(', ')}`,
    {
      data: { type: change.type, id: change.id, roles: held.flatMap(({ roles }) => roles) },
      hint:
        steps === undefined
          ? 'see what it may do with: get permissions; ask an admin or a root node to write it, or to assign the key of this node permissions with roles that cover it'
          : `on a root node, or an admin that may grant: ${steps} ; then here this command again`,
    },
  );
};

const grantText = ({ roles, scope: { company, cluster } }: Rights): string =>
  [
    roles.join(', '),
    ...(company === undefined ? [] : [`of companies that begin with ${company}`]),
    ...(cluster === undefined ? [] : [`of the cluster ${cluster}`]),
  ].join(' ');

/** A cluster that operators serve or tables lie in would take them out of every query. */
const checkClusterFree = (view: View, id: string): void => {
  const users = [
    ...view.ofType('operator').filter(({ value }) => value['cluster'] === id),
    ...view.ofType('cluster').filter(({ value }) => value['parent'] === id),
  ];
  const [first] = users;
  if (first === undefined) return;
  throw fault(
    'POLICY_IN_USE',
    `the cluster ${id} is named by ${users.length} other policies, the first ${first.type} ${first.id}`,
    {
      data: { id, users: users.slice(0, 100).map((user) => user.id) },
      hint: 'delete these first: operators with cluster = ID, tables as clusters with parent = ID',
    },
  );
};

/** What an assignment names says what its members were granted, and without it they may do nothing at the doors. */
const checkNotAssigned = (view: View, id: string): void => {
  const users = view.ofType('assignment').filter(({ value }) => value['permissions'] === id);
  const [first] = users;
  if (first === undefined) return;
  throw fault(
    'POLICY_IN_USE',
    `the permissions ${id} are assigned by ${users.length} policies, the first ${first.id}`,
    {
      data: { id, users: users.slice(0, 100).map((user) => user.id) },
      hint: 'insert other permissions and update the assignments to name them, or delete the assignments first',
    },
  );
};

/** Who has not heard of it would not do what all others have done. */
const checkNotFinal = (type: string, id: string): void => {
  if (kindOf(type)?.isFinal !== true) return;
  throw fault('POLICY_IN_USE', `policy ${id} cannot be changed or deleted: what a ${type} did is done`, {
    data: { id, type },
    hint: 'leave it: it says nothing of data that came later',
  });
};

/** It gives nothing, but people believe what stands there. */
const checkRoot = ({ authority }: View, { type, public_key: key }: JsonObject): void => {
  const { genesis } = authority;
  if (type !== 'root' || (typeof key === 'string' && genesis?.roots.has(key) === true)) return;
  throw fault('POLICY_ROOT_KEY', 'a member of type root has a root key of the network', {
    data: { roots: [...(genesis?.roots ?? [])] },
    hint: 'see the root keys with: get members',
  });
};

const unknownPolicy = (id: string): HoldfastError =>
  fault('POLICY_UNKNOWN', `there is no policy with the id ${id.slice(0, 128)}`, {
    data: { id: id.slice(0, 128) },
    hint: 'list the ids with: blockchain get * bring [] " " [*][id] separator = \\n',
  });

const sameJson = (a: JsonValue | undefined, b: JsonValue | undefined): boolean =>
  a === b || (a !== undefined && b !== undefined && canonicalJson(a) === canonicalJson(b));

const replacedBy = (state: PolicyState): string | readonly string[] =>
  state.conflict.length > 0 ? state.conflict : state.entry;

const currentOf = (view: View, id: string) => {
  const state = view.get(id);
  if (state !== undefined) {
    const { id: _id, date: _date, ...value } = state.value;
    return { type: state.type, before: state.value, value, replaces: replacedBy(state), owner: state.owner };
  }
  const waiting = view.waiting(id);
  if (waiting === undefined) throw unknownPolicy(id);
  throw fault('POLICY_NOT_UNIQUE', `policy ${id} has no effect: ${waiting.reason.text}`, {
    data: { id, holder: waiting.reason.holder },
    hint: 'delete one of the two policies',
  });
};

const checkId = (view: View, id: string): void => {
  const holder = view.get(id);
  const waiting = holder === undefined ? view.waiting(id) : undefined;
  if (holder === undefined && waiting === undefined) return;
  throw fault('POLICY_ID_TAKEN', `there is a policy with the id ${id}`, {
    data: { id, holder: id, type: holder?.type ?? waiting?.type, entry: holder?.entry ?? waiting?.entry },
    hint:
      waiting === undefined
        ? `see it with: blockchain get * where id = ${id}`
        : `it has no effect (${waiting.reason.text}); delete it first`,
  });
};

const checkClaims = (view: View, id: string, claims: readonly Claim[]): void => {
  for (const { key, code } of claims) {
    const holder = view.holderOf(key);
    if (holder !== undefined && holder !== id)
      throw fault(code, `${describeKey(key)} is held by policy ${holder}`, {
        data: { id, holder },
        hint: `see it with: blockchain get * where id = ${holder}`,
      });
  }
};

/** `stepsFirst`: what has to be typed elsewhere before that node may do it. */
const checkOwner = (
  writer: Writer,
  type: string,
  id: string,
  value: JsonObject,
  stepsFirst?: (peer: string) => string | undefined,
): void => {
  const peer = kindOf(type)?.isNode === true ? peerOf(value) : undefined;
  if (peer === undefined || peer === writer.key) return;
  const steps = stepsFirst?.(peer);
  throw fault(
    'POLICY_NOT_OWNER',
    `policy ${id} belongs to the node with the key ${peer}: only that node may write it`,
    {
      data: { id, peer },
      hint:
        steps === undefined
          ? 'run the command on that node'
          : `its grant does not cover that yet; on a root node, or an admin that may grant: ${steps} ; then run the command on that node`,
    },
  );
};

const ownedBy = (writer: Writer, type: string, value: JsonObject): JsonObject => {
  if (kindOf(type)?.isNode !== true) return value;
  if (peerOf(value) === undefined && writer.isOwn(type, value)) return { ...value, peer: writer.key };
  checkOwner(writer, type, typeof value['name'] === 'string' ? value['name'] : type, value);
  return value;
};

const clusterOf = (view: View, value: JsonObject): string => {
  const cluster = typeof value['cluster'] === 'string' ? value['cluster'] : '';
  if (view.get(cluster)?.type !== 'cluster')
    throw fault('POLICY_CLUSTER_UNKNOWN', `there is no cluster policy with the id ${cluster}`, {
      data: { cluster },
      hint: 'insert the cluster policy first; list them with: blockchain get cluster bring [*][id] " " [*][name] separator = \\n',
    });
  return cluster;
};

const memberTaken = (cluster: string, member: number, holder: string): HoldfastError =>
  fault('POLICY_NOT_UNIQUE', `member ${member} of cluster ${cluster} is policy ${holder}`, {
    data: { cluster, member, holder },
    hint: 'leave member out: the network picks a free number',
  });

/** An operator with its member number: the user's, or a free one. */
const placed = (view: View, id: string, value: JsonObject, keys: string[]): JsonObject => {
  const cluster = clusterOf(view, value);
  keys.push(placesKey(cluster));
  const { member } = value;
  if (typeof member !== 'number') return { ...value, member: freeMember(view, id, cluster) };
  const holder = view.memberHolder(cluster, member);
  if (holder !== undefined) throw memberTaken(cluster, member, holder);
  return value;
};

const checkMove = (view: View, id: string, changes: JsonObject, after: JsonObject, keys: string[]): void => {
  if (changes['cluster'] === undefined && changes['member'] === undefined) return;
  const cluster = clusterOf(view, after);
  keys.push(placesKey(cluster));
  const { member } = changes;
  const holder = typeof member === 'number' ? view.memberHolder(cluster, member) : undefined;
  if (typeof member === 'number' && holder !== undefined && holder !== id) throw memberTaken(cluster, member, holder);
  freeMember(view, id, cluster);
};

/**
 * A number that no operator of the network has, else one that none of the cluster has. The search starts at a place
 * that the id gives: nodes that pick at the same time rarely pick the same, and a node that returns finds its old
 * number.
 */
const freeMember = (view: View, id: string, cluster: string): number => {
  const inNetwork = new Set(view.ofType('operator').map(({ value }) => value['member']));
  let start = 7;
  for (const character of id) start = (start * 31 + (character.codePointAt(0) ?? 0)) % MEMBER_MAX;
  let inCluster: number | undefined;
  for (let step = 0; step < MEMBER_MAX; step += 1) {
    const member = ((start + step) % MEMBER_MAX) + 1;
    if (!inNetwork.has(member)) return member;
    const holder = view.memberHolder(cluster, member);
    if (holder === undefined || holder === id) inCluster ??= member;
  }
  if (inCluster !== undefined) return inCluster;
  throw fault('POLICY_CLUSTER_FULL', `cluster ${cluster} has ${MEMBER_MAX} operators: no member number is free`, {
    data: { cluster, limit: MEMBER_MAX },
    hint: 'delete the policies of operators that are gone, or use another cluster',
  });
};

const checkParent = (view: View, value: JsonObject): void => {
  const { parent, name, company } = value;
  if (typeof parent !== 'string') return;
  const above = view.get(parent);
  if (above?.type !== 'cluster')
    throw fault('POLICY_PARENT', `there is no cluster policy with the id ${parent}, which is named as parent`, {
      data: { parent },
      hint: 'insert the parent first',
    });
  if (above.value['name'] !== name || above.value['company'] !== company)
    throw fault('POLICY_PARENT', 'a cluster with a parent has the name and company of the parent', {
      data: { parent, name: above.value['name'], company: above.value['company'] },
      hint: `use ${canonicalJson({ company: above.value['company'] ?? '', name: above.value['name'] ?? '' })}`,
    });
};
