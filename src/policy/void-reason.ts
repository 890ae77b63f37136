/** Why an entry or a policy has no effect, with the entry that causes it. */
export interface VoidReason {
  /** `id-taken`, `constraint`, `equivocation`, `deleted`, `unknown-op`, `no-such-policy`, `not-the-owner` … */
  readonly rule: string;
  readonly text: string;
  /** Hash of the entry that causes it, where there is one. */
  readonly by: string | undefined;
  /** Id of the policy that holds what this one claims, where that is the reason. */
  readonly holder?: string;
}
