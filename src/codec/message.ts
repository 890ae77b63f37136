import type { z } from 'zod';
import { type HoldfastError, textOf } from '../base/errors.ts';
import { JSON_DEPTH_MAX } from '../base/limits.ts';
import { jsonDepth } from './json.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** A frame of UTF-8 JSON as its schema has it. Throws what `malformed` makes of the reason. */
export const decodeMessage = <T>(
  schema: z.ZodType<T>,
  frame: Uint8Array,
  malformed: (what: string) => HoldfastError,
): T => {
  let value: unknown;
  try {
    const json = decoder.decode(frame);
    if (jsonDepth(json) > JSON_DEPTH_MAX) throw malformed('the message is nested too deep');
    value = JSON.parse(json);
  } catch (caught) {
    throw malformed(`the message cannot be read: ${textOf(caught)}`);
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw malformed(`the message is not as agreed: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
};
