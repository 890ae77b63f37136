import type { Pruning } from './pruning.ts';
import type { Resource } from '../base/lifecycle.ts';
import type { JsonObject } from '../codec/json.ts';
import type { HeldEntry } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import type { InviteWish, RevocationWish } from './authority/decide.ts';
import type { Invite, Membership } from './authority/members.ts';
import type { PolicyBook, PolicyEmitter, PolicyState } from './book.ts';
import type { ErasureWish } from './erase.ts';
import type { LedgerFold } from './fold.ts';
import type { PolicyVersion } from './history.ts';
import type { SnapshotDesk } from './ledger-snapshots.ts';
import type { Moment } from './moment.ts';
import type { Chronicle, Past } from './past.ts';

/** The book, and what each policy's entries were. Only its owner adds to it. */
export type PolicyView = PolicyBook & Pick<LedgerFold, 'factsOf' | 'settledOrigins' | 'missingBodies' | 'makeShown'>;

/** Who belongs to the network and what each may do. */
export interface Members {
  list(): readonly Membership[];
  invites(): readonly Invite[];
  /** Whether the key may connect: a root, a key with a grant, or any under open admission that was not revoked. */
  isMember(key: PeerKey): boolean;
  /**
   * Whether this node lets the key connect: a member; anybody while this node does not belong to the network itself
   * yet.
   */
  mayConnect(key: PeerKey): boolean;
  /**
   * Gives out an invite; resolves with its entry once it is durable. One that replaces a lost key takes back those that
   * did before. `POLICY_NOT_AUTHORISED`, `POLICY_INVITE_REDEEMED`.
   */
  invite(wish: InviteWish): Promise<HeldEntry>;
  /** Takes back an invite that nobody has redeemed. `POLICY_MEMBER_UNKNOWN`, `POLICY_INVITE_REDEEMED`. */
  deleteInvite(grant: string): Promise<void>;
  /**
   * Resolves with the members in force whom that let in, at first or second hand. `POLICY_MEMBER_UNKNOWN`,
   * `POLICY_NOT_AUTHORISED`.
   */
  revoke(wish: RevocationWish): Promise<readonly Membership[]>;
  /**
   * Hands what this node still holds to another key of its own, whose signatures `sign` gives as hex.
   * `POLICY_NOT_AUTHORISED`.
   */
  rotate(key: PeerKey, sign: (text: string) => string): Promise<void>;
  /** Keys that this node's own key stands in for. */
  former(): readonly PeerKey[];
}

/**
 * The policies of the network: reads go to `book`, writes are decided against it, appended to the ledger, and come back
 * through the same fold as everyone's. Each write resolves when it is durable here and in the book.
 */
export interface Policies extends Resource {
  readonly book: PolicyView;
  /** What the book was made of. */
  readonly chronicle: Chronicle;
  readonly notices: PolicyEmitter;
  readonly members: Members;
  readonly snapshots: SnapshotDesk;
  /** Undefined of a node that drops nothing. */
  readonly pruning: Pruning | undefined;
  /**
   * `policy` has one root key, its type. `POLICY_…` errors: structure, id taken, not unique, unknown cluster, parent.
   */
  insert(policy: JsonObject): Promise<PolicyState>;
  /** Replaces the attributes that `changes` names (null removes one). */
  update(id: string, changes: JsonObject): Promise<PolicyState>;
  delete(id: string): Promise<void>;
  /**
   * Erases what an entry says, on every node. `POLICY_ENTRY_UNKNOWN`, `POLICY_ENTRY_KEPT`, `POLICY_ENTRY_ERASED`,
   * `POLICY_ENTRY_NEEDED`, `POLICY_ERASE_NOT_OWNER`, `POLICY_ERASE_REASON`, `ENTRY_ARCHIVED`, `ENTRY_BODY_MISSING`.
   */
  erase(wish: ErasureWish): Promise<HeldEntry>;
  /** The policy with the id and date it would get; nothing is written. */
  prepare(policy: JsonObject): JsonObject;
  /** Keys of the nodes that have a policy which names theirs. */
  registered(): ReadonlySet<PeerKey>;
  /** `global` when a majority of the registered nodes is known to hold the policy's newest entry. */
  ledgerOf(state: PolicyState): 'local' | 'global';
  /** The policy as users see it: `{type: {…, id, date, ledger}}`. */
  document(state: PolicyState): JsonObject;
  /** The same without what ANMP policies lay over it, as `blockchain read` shows it. */
  original(state: PolicyState): JsonObject;
  /** The life of a policy. `POLICY_UNKNOWN` for an id that no entry names. */
  history(id: string): Promise<readonly PolicyVersion[]>;
  /**
   * The policies as of a moment. `POLICY_FRONTIER_UNKNOWN` where a frontier names entries that are not held,
   * `POLICY_PAST_BUSY` while `POLICY_PASTS_MAX` such questions are being answered.
   */
  past(moment: Moment, signal?: AbortSignal): Promise<Past>;
  /** Resolves when the book holds everything that the ledger held at the time of the call. */
  caughtUp(): Promise<void>;
}
