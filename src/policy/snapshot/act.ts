import { z } from 'zod';
import { SNAPSHOT_HEADS_MAX } from '../../base/limits.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import { hash, isAscending } from '../../codec/fields.ts';
import { sha256Hex } from '../../codec/hash.ts';
import type { JsonObject } from '../../codec/json.ts';
import type { Authority } from '../authority/authority.ts';
import type { Fact } from '../facts.ts';

/** Content of a snapshot entry (FOLD.md, Snapshots). */
const schema = z.strictObject({
  v: z.literal(1),
  frontier: z
    .array(hash)
    .min(1)
    .max(SNAPSHOT_HEADS_MAX)
    .refine(isAscending, { error: 'expected in ascending order, each once' }),
  root: hash,
  logs: hash,
});

/** `snapshot`: what `frontier` covers has given the state with this root. */
export interface SnapshotAct {
  readonly frontier: readonly string[];
  /** Root of the state, SPEC §3. */
  readonly root: string;
  /** Root over the logs that it covers. */
  readonly logs: string;
}

/** The act of an entry's content, or why it is none. */
export const readSnapshot = (content: JsonObject): SnapshotAct | { readonly malformed: string } => {
  const found = schema.safeParse(content);
  if (found.success) return found.data;
  const issue = found.error.issues[0];
  return { malformed: `${issue?.path.join('.') ?? ''} ${issue?.message ?? 'is malformed'}`.trim() };
};

/** The content of a snapshot entry. */
export const snapshotContent = ({ frontier, root, logs }: SnapshotAct): JsonObject => ({ v: 1, frontier, root, logs });

/** The same for all entries that say the same. */
export const snapshotKey = (act: SnapshotAct): string => sha256Hex(canonicalJson(snapshotContent(act)));

/**
 * The root key of the genesis entry that an entry speaks for, by itself or by keys that it was handed to; of entries
 * with authority.
 */
export const rootBehind = (authority: Authority, { author, cap }: Pick<Fact, 'author' | 'cap'>): string | undefined => {
  const { genesis, graph } = authority;
  if (genesis === undefined || cap === null) return undefined;
  if (cap === genesis.network) return genesis.roots.has(author) ? author : undefined;
  const link = graph.base(cap) === genesis.network ? graph.link(cap) : undefined;
  return link === undefined ? undefined : graph.rights(link)?.former?.[0];
};
