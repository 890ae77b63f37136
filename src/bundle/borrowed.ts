import { hasCode, fault } from '../base/errors.ts';
import { BUNDLE_BYTES_MAX } from '../base/limits.ts';
import { type Archive, archivedFault } from '../ledger/archive/port.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { parseEntry } from '../entry/check.ts';
import { type Fact, factOf } from '../policy/facts.ts';

/** What is known of the entries once nothing of them is archived. */
export interface WholeFacts {
  readonly facts: readonly Fact[];
  /** By entry, the bodies that others gave. */
  readonly bodies: ReadonlyMap<string, Uint8Array>;
}

/** What the ledger holds, as facts, and who has the bodies that it has not. */
export interface BorrowPorts {
  readonly ledger: Pick<Ledger, 'byHash'>;
  readonly facts: readonly Fact[];
  /** Who has what was dropped here; undefined on a node that drops nothing. */
  readonly archive: Archive | undefined;
}

/**
 * The facts with what is archived here, as others give it for this one time: each body is compared with its header, so
 * nobody has to be believed, and none is kept. `ENTRY_ARCHIVED` where nobody in reach has all of it.
 */
export const withArchived = async (
  { ledger, facts, archive }: BorrowPorts,
  signal: AbortSignal | undefined,
): Promise<WholeFacts> => {
  const archived = facts.flatMap(({ hash, archived: isArchived }) => (isArchived ? [hash] : []));
  const bodies = new Map<string, Uint8Array>();
  if (archived.length === 0) return { facts, bodies };
  const whole = new Map<string, Fact>();
  let bytes = 0;
  for await (const { hash, body } of archive?.bodies(archived, signal) ?? []) {
    const fact = await factWith(ledger, hash, body);
    if (fact === undefined) continue;
    bytes += body.byteLength;
    if (bytes > BUNDLE_BYTES_MAX) throw fault('BUNDLE_OVERSIZE', `a bundle has at most ${BUNDLE_BYTES_MAX} bytes`);
    bodies.set(hash, body);
    whole.set(hash, fact);
  }
  signal?.throwIfAborted();
  const lacking = archived.length - whole.size;
  if (lacking > 0) throw archivedFault(`a bundle of all entries, of which ${lacking} are without body here`, archive);
  return { facts: facts.map((fact) => whole.get(fact.hash) ?? fact), bodies };
};

/** Undefined where the body is not the one that the author signed. */
const factWith = async (ledger: Pick<Ledger, 'byHash'>, hash: string, body: Uint8Array): Promise<Fact | undefined> => {
  const held = await ledger.byHash(hash);
  if (held === undefined) return undefined;
  try {
    return factOf(parseEntry({ ...held.entry.raw, body }, hash));
  } catch (caught) {
    if (hasCode(caught, 'ENTRY_BODY_MISMATCH')) return undefined;
    throw caught;
  }
};
