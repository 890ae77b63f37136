import { anmpKind } from './anmp.ts';
import { assignmentKind } from './assignment.ts';
import { clusterKind } from './cluster.ts';
import { configKind } from './config.ts';
import type { JsonObject } from '../../codec/json.ts';
import { dropKind } from './drop.ts';
import type { Claim, PolicyKind } from './kind.ts';
import { masterKind } from './master.ts';
import { memberKind } from './member.ts';
import { nodeKind } from './node.ts';
import { operatorKind } from './operator.ts';
import { permissionsKind } from './permissions.ts';
import { publisherKind } from './publisher.ts';
import { queryKind } from './query.ts';
import { tableKind } from './table.ts';

const kinds: ReadonlyMap<string, PolicyKind> = new Map(
  [
    anmpKind,
    assignmentKind,
    permissionsKind,
    clusterKind,
    configKind,
    dropKind,
    masterKind,
    memberKind,
    nodeKind,
    operatorKind,
    publisherKind,
    queryKind,
    tableKind,
  ].map((kind) => [kind.type, kind]),
);

/** The types that are built in. */
export const KNOWN_TYPES: readonly string[] = [...kinds.keys()];

/** The kind of a policy type; undefined for a free type, whose value is any JSON object. */
export const kindOf = (type: string): PolicyKind | undefined => kinds.get(type);

/**
 * Whether an admin alone writes it at the doors of a node: it gives rights, cannot be undone, or holds the `script`
 * that a node runs where its own start script says `config from policy`, so with the rights of that.
 */
export const isForAdmins = (type: string, value: JsonObject): boolean =>
  kindOf(type)?.givesRights === true || kindOf(type)?.isFinal === true || Object.hasOwn(value, 'script');

/** The types of policies that stand for a node that can be dialled. */
export const NODE_TYPES: readonly string[] = [...kinds.values()].filter((kind) => kind.isNode).map((kind) => kind.type);

const NO_CLAIMS: readonly Claim[] = [];

/** What a policy of the type alone may hold. */
export const claimsOf = (type: string, value: JsonObject): readonly Claim[] => kindOf(type)?.claims(value) ?? NO_CLAIMS;
