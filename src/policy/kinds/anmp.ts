import { z } from 'zod';
import { isJsonObject } from '../../codec/json.ts';
import type { PolicyKind } from './kind.ts';

/** Attributes shown over those of other policies: `{"anmp": {"<policy id>": {attribute: value}}}`. */
export const anmpKind: PolicyKind = {
  type: 'anmp',
  schema: z
    .looseObject({})
    .refine((value) => Object.values(value).some(isJsonObject), { message: 'names no policy: {"<policy id>": {…}}' }),
  isNode: false,
  claims: () => [],
};
