import { z } from 'zod';
import { COMMAND_CHARS_MAX, COMMAND_REPLY_BYTES_MAX } from '../../base/limits.ts';
import { fault } from '../../base/errors.ts';
import { decodeMessage } from '../../codec/message.ts';

/** Major version in the id; a new major is a new folder. */
export const COMMAND_PROTOCOL = '/holdfast/command/1';

/** Of an error's text and hint. */
export const TEXT_CHARS_MAX = 4_096;

const CODE = z.string().regex(/^[A-Z][A-Z0-9_]{1,63}$/);

/** SPEC 1: what is asked for. */
export const requestMessage = z.object({
  text: z.string().min(1).max(COMMAND_CHARS_MAX),
  format: z.enum(['text', 'json']).nullable(),
});

/** SPEC 2: the first frame back; after `ok: true` come `bytes` bytes of the answer in further frames. */
export const replyHead = z.discriminatedUnion('ok', [
  z.object({ ok: z.literal(true), bytes: z.number().int().min(0).max(COMMAND_REPLY_BYTES_MAX) }),
  z.object({
    ok: z.literal(false),
    code: CODE,
    text: z.string().max(TEXT_CHARS_MAX),
    hint: z.string().max(TEXT_CHARS_MAX).nullable(),
  }),
]);
/** How an answer begins: its length in bytes, or why there is none. */
export type ReplyHead = z.infer<typeof replyHead>;

/** SPEC 3: the answer. */
export const answerMessage = z.object({
  text: z.string(),
  json: z.unknown(),
  note: z.object({ code: CODE, text: z.string().max(TEXT_CHARS_MAX) }).optional(),
});

/** Parses a frame. `COMMAND_REMOTE_MALFORMED`. */
export const parseMessage = <T>(schema: z.ZodType<T>, bytes: Uint8Array): T => {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (caught) {
    throw fault('COMMAND_REMOTE_MALFORMED', 'a node sent a message that is not JSON', { cause: caught });
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw fault('COMMAND_REMOTE_MALFORMED', `a node sent a message of the wrong form: ${z.prettifyError(parsed.error)}`);
};

/** Parses what is asked for, which is never deep (an answer may be). `COMMAND_REMOTE_MALFORMED`. */
export const parseRequest = (bytes: Uint8Array): z.infer<typeof requestMessage> =>
  decodeMessage(requestMessage, bytes, (what) => fault('COMMAND_REMOTE_MALFORMED', `a node asks: ${what}`));

/** One frame: JSON in UTF-8. */
export const encodeMessage = (message: unknown): Uint8Array => Buffer.from(JSON.stringify(message), 'utf8');

/** A command to ask for. `COMMAND_REMOTE_MALFORMED` for one that no node would take. */
export const encodeRequest = (text: string, format: 'text' | 'json' | null): Uint8Array => {
  const frame = encodeMessage({ text, format });
  parseRequest(frame);
  return frame;
};
