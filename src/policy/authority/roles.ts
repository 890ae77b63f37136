/**
 * What a grant lets its holder do. `admin`: any policy; `operator`: its own operator policy, and tables and child
 * clusters of its cluster; `member`: policies of the types in its scope; `auditor`: reads and replicates, writes
 * nothing; `archive`: the same, and keeps the bodies of all entries.
 */
export const ROLES = ['admin', 'operator', 'member', 'auditor', 'archive'] as const;
/** One of {@link ROLES}. */
export type Role = (typeof ROLES)[number];
