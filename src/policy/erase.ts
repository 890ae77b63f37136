import { fault, type HoldfastError } from '../base/errors.ts';
import { atOnce } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import { ERASABLE_OPS } from '../entry/entry.ts';
import { capsOf } from './authority/members.ts';
import { archivedFault } from '../ledger/archive/port.ts';
import type { PolicyBook } from './book.ts';
import type { VoidReason } from './void-reason.ts';
import type { Decision } from './decide.ts';
import { isReason, mayErase } from './erasures.ts';
import { ERASE_OP, type Fact } from './facts.ts';
import type { LedgerFold } from './fold.ts';
import { attributesOf, originsOf } from './origins.ts';
import type { Chronicle } from './past.ts';
import { normalValue } from './shape.ts';
import { authorNames, type Signed, signedBy } from './signed.ts';

/** Whose body shall go, and why. */
export interface ErasureWish {
  /** Hash of the entry. */
  readonly entry: string;
  readonly reason: string;
}

type View = Pick<LedgerFold, 'authority' | 'fact' | 'get' | 'factsOf' | 'settledOrigins'>;

/**
 * May `author` erase the body of an entry? Throws `POLICY_ENTRY_UNKNOWN`, `POLICY_ENTRY_KEPT` for one whose body cannot
 * be erased, `POLICY_ENTRY_ERASED` for one whose is, `POLICY_ERASE_NOT_OWNER`, `POLICY_ENTRY_NEEDED` where a policy in
 * force needs what it gave, `POLICY_ERASE_REASON`, `ENTRY_ARCHIVED` and `ENTRY_BODY_MISSING` where the names of what it
 * gave are not here.
 */
export const decideErase = (view: View, author: string, { entry, reason }: ErasureWish): Decision => {
  if (!isReason(reason) || reason === '')
    throw fault('POLICY_ERASE_REASON', 'an erasure has a reason of 1 to 256 characters, without control characters', {
      hint: 'everybody can read it for good: do not repeat in it what is to be erased',
    });
  const target = view.fact(entry);
  if (target === undefined)
    throw fault('POLICY_ENTRY_UNKNOWN', `this node holds no entry ${entry.slice(0, 128)}`, {
      data: { entry: entry.slice(0, 128) },
      hint: 'hashes of entries are in: blockchain log, blockchain history where id = ID',
    });
  if (!ERASABLE_OPS.has(target.op)) throw kept(target);
  if (target.erasure?.inForce === true)
    throw fault('POLICY_ENTRY_ERASED', `entry ${entry} was erased on ${policyDate(target.erasure.time)}`, {
      data: { entry, by: target.erasure.by, author: target.erasure.author, reason: target.erasure.reason },
      hint: 'see it with: get erasures',
    });
  const cap = capsOf(view.authority, author).find((held) => mayErase(view.authority, { author, cap: held }, target));
  if (cap === undefined)
    throw fault('POLICY_ERASE_NOT_OWNER', `entry ${entry} is of ${target.author}: this node may not erase it`, {
      data: { entry, author: target.author },
      hint: 'run it on the node that wrote the entry, or on a root node or one of an admin: get members',
    });
  if (target.archived) throw archivedFault(`what entry ${entry} says`, undefined);
  if (target.bodiless && target.erasure === undefined)
    throw fault(
      'ENTRY_BODY_MISSING',
      `what entry ${entry} says is missing here, and with it the names of what it gave`,
      {
        data: { entry },
        hint: 'it is asked for, see get status; or run it on a node that has it',
      },
    );
  checkNotNeeded(view, target);
  const content: JsonObject = { v: 1, entry, ...namesIn(target), reason };
  return {
    proposal: { op: ERASE_OP, type: null, id: null, replaces: null, content, cap },
    keys: [`erase\u0000${entry}`],
  };
};

const kept = ({ hash, op }: Fact): HoldfastError =>
  fault(
    'POLICY_ENTRY_KEPT',
    `the body of an entry of the kind ${op} is kept: what others may do, or did, rests on it`,
    {
      data: { entry: hash, op },
      hint: 'only inserts and updates of policies can be erased; end a grant with: revoke member, delete invite',
    },
  );

/** The names of what it gave and took away. Without effect it did neither. */
const namesIn = ({
  op,
  content,
  void: reason,
}: Fact): { readonly attributes: string[]; readonly removed: string[] } => {
  const names = reason === undefined ? Object.keys(content).sort() : [];
  const isGiven = (name: string): boolean => op === 'insert' || content[name] !== null;
  return { attributes: names.filter(isGiven), removed: names.filter((name) => !isGiven(name)) };
};

/**
 * A policy of a type that the network works with is not left without what its type needs: it would drop out of routing.
 */
const checkNotNeeded = (view: View, target: Fact): void => {
  const state = view.get(target.id ?? '');
  const origins =
    state === undefined
      ? undefined
      : atOnce(originsOf(view.factsOf(state.id), attributesOf, view.settledOrigins(state.id)));
  if (state === undefined || origins === undefined) return;
  const { id: _id, ...value } = state.value;
  const left = Object.entries(value).filter(([name]) => origins.parts.get(name) !== target);
  if (left.length === Object.keys(value).length) return;
  try {
    normalValue(state.type, Object.fromEntries(left));
  } catch (cause) {
    throw fault('POLICY_ENTRY_NEEDED', `the ${state.type} policy ${state.id} needs what this entry gave`, {
      data: { entry: target.hash, id: state.id, type: state.type },
      hint: `first replace it (blockchain update where id = ${state.id} …) or delete the policy, then erase the entry`,
      cause,
    });
  }
};

/** An erase entry and what it is about. */
export interface ErasureReport extends Signed {
  readonly reason: string;
  readonly effect: 'in-force' | VoidReason;
  readonly target: {
    readonly entry: string;
    /** Of an entry that is held here. */
    readonly signed: Signed | undefined;
    readonly type: string | undefined;
    readonly id: string | undefined;
    readonly attributes: readonly string[];
  };
}

/** All erase entries, in the order in which they came. */
export const erasuresOf = (
  book: PolicyBook & Pick<LedgerFold, 'factsOf'>,
  chronicle: Chronicle,
): readonly ErasureReport[] => {
  const names = authorNames(book);
  return chronicle.facts().flatMap((fact): readonly ErasureReport[] => {
    if (fact.op !== ERASE_OP) return [];
    const { entry, reason, attributes } = fact.content;
    const target = typeof entry === 'string' ? chronicle.fact(entry) : undefined;
    const effect = book.effectOf(fact.hash);
    return [
      {
        ...signedBy(fact, chronicle, names),
        reason: textOf(reason),
        effect: typeof effect === 'object' ? effect : 'in-force',
        target: {
          entry: textOf(entry),
          signed: target === undefined ? undefined : signedBy(target, chronicle, names),
          type: target?.type ?? book.factsOf(target?.id ?? '')[0]?.type ?? undefined,
          id: target?.id ?? undefined,
          attributes: Array.isArray(attributes) ? attributes.filter((name) => typeof name === 'string') : [],
        },
      },
    ];
  });
};

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
