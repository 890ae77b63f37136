/**
 * What a grant lets its holder do. `admin`: any policy; `operator`: its own operator policy, and tables and child clusters of its
 * cluster; `member`: policies of the types in its scope; `auditor`: reads and replicates, writes nothing.
 */
export const ROLES = ['admin', 'operator', 'member', 'auditor'] as const;
export type Role = (typeof ROLES)[number];
