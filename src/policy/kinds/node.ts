import { z } from 'zod';
import type { JsonObject } from '../../codec/json.ts';
import { flag, port, publicKey, text } from './fields.ts';
import { type Claim, claimList, claimOn, type PolicyKind } from './kind.ts';

/** What every policy that stands for a node has. */
export const nodeFields = {
  company: text,
  name: text,
  ip: text,
  port,
  rest_port: port.optional(),
  broker_port: port.optional(),
  main: flag.optional(),
  peer: publicKey.optional(),
};

/**
 * Claims of a node policy. They are per type: one process may be a master and an operator at the same address, as in
 * the documented single-machine deployments.
 */
export const nodeClaims = (type: string, value: JsonObject): readonly Claim[] =>
  claimList(
    claimOn(type, ['ip', 'port'], value, 'POLICY_ADDRESS_TAKEN'),
    claimOn(type, ['company', 'name'], value),
    claimOn(type, ['peer'], value),
  );

/** A node that can be dialled and is nothing more special. */
export const nodeKindOf = (type: string): PolicyKind => ({
  type,
  schema: z.looseObject(nodeFields),
  isNode: true,
  claims: (value) => nodeClaims(type, value),
});

/** The policy type `node`. */
export const nodeKind = nodeKindOf('node');
