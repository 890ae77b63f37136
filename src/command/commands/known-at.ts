import { fault } from '../../base/errors.ts';
import { policyDate } from '../../entry/time.ts';
import type { KnownAtText } from '../../policy/as-of.ts';
import type { Past } from '../../policy/past.ts';
import { authorNames, nodeNames } from '../../policy/signed.ts';
import { countInForce } from '../../policy/state.ts';
import type { KnownAt } from '../../receipt/receipts.ts';
import type { CommandContext } from '../context.ts';
import { parseDate } from '../grammar/dates.ts';
import type { Surroundings } from '../registry.ts';
import { jsonText, type Reply } from '../reply.ts';
import { count, cosignaturesJson, secondsDate, shortKey } from './common.ts';
import { missingParts, momentJson } from './moment.ts';

/** What a node knew at a time: the receipts that say so, and the policies that follow. */
export interface KnownPast {
  readonly past: Past;
  readonly known: KnownAt;
  readonly names: ReadonlyMap<string, string>;
}

/** The key of the node that a user named. `RECEIPT_NODE_UNKNOWN`. */
const nodeOf = ({ policies, network }: CommandContext, text: string | undefined): string => {
  if (text === undefined) return network.self;
  if (/^[0-9a-f]{64}$/i.test(text)) return text.toLowerCase();
  const calledSo = (names: ReadonlyMap<string, string>): readonly string[] =>
    [...names].flatMap(([key, name]) => (name === text ? [key] : []));
  // Who has rotated its key is known by its present one.
  const present = calledSo(nodeNames(policies.book));
  const named = present.length > 0 ? present : calledSo(authorNames(policies.book));
  const [key] = named;
  if (key !== undefined && named.length === 1) return key;
  throw fault(
    'RECEIPT_NODE_UNKNOWN',
    `${named.length === 0 ? 'no node is' : `${named.length} nodes are`} called ${text.slice(0, 128)}`,
    {
      data: { name: text.slice(0, 128), keys: named },
      hint: 'name a node policy in force, a member (get members), or a key of 64 hex digits',
    },
  );
};

/** Which node's knowledge, of when, and what is known of that. */
export interface KnownQuestion {
  readonly node: string;
  /** Milliseconds since 1970. */
  readonly ms: number;
  readonly known: KnownAt;
}

/** Asks the node, or who witnesses it, for what it had. `COMMAND_DATE`, `RECEIPT_NODE_UNKNOWN`, `RECEIPT_UNKNOWN`. */
export const askKnown = async ({ context, signal }: Surroundings, text: KnownAtText): Promise<KnownQuestion> => {
  const { clock, policies, receipts } = context;
  const nowMs = clock.wallMs();
  const ms = parseDate(text.time, nowMs);
  if (ms > nowMs)
    throw fault('COMMAND_DATE', `${policyDate(Math.round(ms * 1_000))} is yet to come: nobody knows anything then`, {
      hint: 'for example known at "2026-01-31 10:20:30", known at -1d',
    });
  const node = nodeOf(context, text.node);
  await policies.caughtUp();
  return { node, ms, known: await receipts.knownAt(node, Math.floor(ms / 1_000), signal) };
};

/** Asks for the receipts, and folds the entries that they name. `RECEIPT_UNKNOWN`, `POLICY_FRONTIER_UNKNOWN`. */
export const knownPast = async (call: Surroundings, text: KnownAtText): Promise<KnownPast> => {
  const { context, signal } = call;
  const { node, ms, known } = await askKnown(call, text);
  const { policies } = context;
  const { entries } = known;
  const past = await policies.past({ kind: 'receipt', node, micros: Math.floor(ms * 1_000), entries }, signal);
  return { past, known, names: authorNames(policies.book) };
};

const knownJson = ({ past, known, names }: KnownPast): Readonly<Record<string, unknown>> => {
  const { checkpoint, source, final } = known;
  const { node } = checkpoint.origin;
  return {
    ...momentJson(past),
    node,
    name: names.get(node) ?? null,
    size: checkpoint.size,
    receiptsRoot: checkpoint.root.toString('base64'),
    checkpoint: checkpoint.note,
    cosignatures: cosignaturesJson(checkpoint, names),
    source,
    final,
  };
};

const knownLine = ({ past, known, names }: KnownPast): string => {
  const { checkpoint, final } = known;
  const { node } = checkpoint.origin;
  const witnessed = checkpoint.cosignatures.map(
    ({ witness, time }) => `${names.get(witness) ?? shortKey(witness)} at ${secondsDate(time)}`,
  );
  return [
    `Known at ${past.moment.kind === 'receipt' ? policyDate(past.moment.micros) : ''} on ${names.get(node) ?? node}: ` +
      `${count(countInForce(past.book), 'policy', 'policies')} of ${count(past.entries, 'entry', 'entries')}`,
    `state root ${past.root}`,
    `its checkpoint of size ${checkpoint.size}, root ${checkpoint.root.toString('base64')}, was cosigned by ${witnessed.join(', ')}`,
    ...missingParts(past),
    ...(final ? [] : ['a later checkpoint may still come to count for that time']),
  ].join('; ');
};

/** A reply with what the node knew, and by what that is proven. */
export const withKnown = (known: KnownPast, reply: Reply, wantsJson: boolean): Reply => {
  const json = { knownAt: knownJson(known), result: reply.json ?? null };
  if (wantsJson) return { text: undefined, json };
  const text = reply.text ?? jsonText(reply.json);
  return { text: text.startsWith('\n') ? `\n${knownLine(known)}${text}` : `${knownLine(known)}\n${text}`, json };
};
