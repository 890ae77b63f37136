import { waitFor, waitWhileFalling } from '../../test/support/wait.ts';
import { DBMS, TABLE, type FaultCluster, type Name } from './cluster.ts';
import { GROUP_ROWS, type Load } from './load.ts';

/** For so long the operators may come no nearer to holding all of it. */
const STANDSTILL_MS_MAX = 180_000;
const EQUAL_MS_MAX = 180_000;

/** What a check found that must not be. */
export interface Findings {
  /** Rows that were acknowledged and that an operator does not hold; rows of a group of which others are held. */
  readonly lost: number;
  /** Rows that an operator holds more than once. */
  readonly doubled: number;
  /**
   * Policies that were acknowledged and that a node does not have, or has twice; entries that prove two histories of
   * one author.
   */
  readonly policies: number;
  /** What went wrong, one sentence each. */
  readonly reasons: readonly string[];
}

const numbers = async (cluster: FaultCluster, name: Name, sql: string): Promise<number[]> => {
  const reply = (await cluster.node(name).json(`sql ${DBMS} format = json and stat = false "${sql}"`)) as {
    readonly Query?: readonly Readonly<Record<string, unknown>>[];
  };
  return (reply.Query ?? []).map((row) => Number(Object.values(row)[0]));
};

/** Readings of one answer: after an hour of full load there are millions, more than one query may hold. */
const READINGS_AT_ONCE = 250_000;

/** The readings that an operator holds, from one on. */
const readingsFrom = async (
  cluster: FaultCluster,
  name: Name,
  load: Load,
  first: number,
): Promise<readonly number[]> => {
  const found: number[] = [];
  for (let from = first; from < load.groups.size * GROUP_ROWS; from += READINGS_AT_ONCE) {
    const where = `reading >= ${from} and reading < ${from + READINGS_AT_ONCE}`;
    for (const reading of await numbers(cluster, name, `select reading from ${TABLE} where ${where}`))
      found.push(reading);
  }
  return found;
};

/** Rows that were given and are not in the tables of both, and files that wait to be taken in. */
const openOn = async (cluster: FaultCluster, load: Load): Promise<number> => {
  let open = 0;
  for (const name of cluster.names) {
    // Before the first file there is no table.
    const [held = 0] = await numbers(cluster, name, `select count(*) from ${TABLE}`).catch(() => []);
    open += load.groups.size * GROUP_ROWS - held + cluster.waitingFiles(name);
  }
  return open;
};

/**
 * With the load off: waits until both operators hold the same and everything that was acknowledged, as long as they come
 * nearer to it, and compares it with what the data sources were told. Throws where the operators do not come to hold
 * the same.
 */
export const becomeEqual = async (cluster: FaultCluster, load: Load): Promise<Findings> => {
  for (const name of cluster.names) await cluster.runsAgain(name);
  await load.settle();
  let findings: Findings | undefined;
  const isWhole = async (): Promise<boolean> => {
    findings = undefined;
    for (const name of cluster.names) await cluster.node(name).run('flush buffers');
    if (!(await cluster.haveEqualLedgers())) return false;
    findings = await check(cluster, load);
    // The audit may wait for a first exchange with the peer; what is there twice stays so.
    return findings.reasons.length === 0 || findings.doubled > 0;
  };
  try {
    await waitWhileFalling(isWhole, () => openOn(cluster, load), {
      timeoutMs: STANDSTILL_MS_MAX,
      everyMs: 50,
      what: 'both nodes hold all of it',
    });
  } catch (caught) {
    if (findings === undefined) throw caught;
  }
  // Reads every row, so not before it is likely to say yes.
  if (findings?.reasons.length === 0)
    await waitFor(() => cluster.haveEqualData(), { timeoutMs: EQUAL_MS_MAX, what: 'both operators hold the same' });
  return findings ?? (await check(cluster, load));
};

const check = async (cluster: FaultCluster, load: Load): Promise<Findings> => {
  const reasons: string[] = [];
  const missing = new Set<number>();
  const doubled = new Set<number>();
  for (const name of cluster.names) await checkRows(cluster, name, load, { missing, doubled, reasons });
  const list = (rows: ReadonlySet<number>): string => [...rows].slice(0, 10).join(', ');
  if (missing.size > 0) reasons.push(`rows are missing: ${list(missing)}`);
  if (doubled.size > 0) reasons.push(`rows are there more than once: ${list(doubled)}`);
  let policies = 0;
  for (const name of cluster.names) policies += await checkPolicies(cluster, name, load, reasons);
  return { lost: missing.size, doubled: doubled.size, policies, reasons };
};

const checkRows = async (
  cluster: FaultCluster,
  name: Name,
  load: Load,
  found: { readonly missing: Set<number>; readonly doubled: Set<number>; readonly reasons: string[] },
): Promise<void> => {
  const open = [...load.groups].find(([, { held }]) => held === undefined)?.[0] ?? load.groups.size;
  judge(await readingsFrom(cluster, name, load, open * GROUP_ROWS), load, open, found);
  const settled = [...load.groups.values()].reduce((sum, { held }) => sum + (held ?? 0), 0);
  const [all] = await numbers(cluster, name, `select count(*) from ${TABLE}`);
  const [distinct] = await numbers(cluster, name, `select count(distinct reading) from ${TABLE}`);
  if (all === settled && distinct === settled) return;
  judge(await readingsFrom(cluster, name, load, 0), load, 0, found);
  const given = load.groups.size * GROUP_ROWS;
  const isStrange = `reading is null or reading < 0 or reading >= ${given}`;
  const [strange = Number.NaN] = await numbers(cluster, name, `select count(*) from ${TABLE} where ${isStrange}`);
  if (strange !== 0) found.reasons.push(`${name} holds ${strange} rows that nobody gave`);
};

/** Looks at each group from `first` on: all of it or nothing, once, and not less than before. */
const judge = (
  readings: readonly number[],
  load: Load,
  first: number,
  found: { readonly missing: Set<number>; readonly doubled: Set<number> },
): void => {
  const held = new Map<number, number>();
  for (const reading of readings) {
    const group = Math.floor(reading / GROUP_ROWS);
    held.set(group, (held.get(group) ?? 0) + 1);
  }
  const seen = new Set<number>();
  for (const reading of readings) {
    if (seen.has(reading)) found.doubled.add(reading);
    seen.add(reading);
  }
  for (const [group, state] of load.groups) {
    if (group < first) continue;
    const rows = held.get(group) ?? 0;
    const isWanted = state.acknowledged || rows > 0 || (state.held ?? 0) > 0;
    const missing = Array.from({ length: isWanted ? GROUP_ROWS : 0 }, (_, at) => group * GROUP_ROWS + at);
    for (const reading of missing) if (!seen.has(reading)) found.missing.add(reading);
    if (missing.every((reading) => seen.has(reading))) state.held = missing.length;
  }
};

const checkPolicies = async (cluster: FaultCluster, name: Name, load: Load, reasons: string[]): Promise<number> => {
  const node = cluster.node(name);
  const sites = (await node.json('blockchain get site')) as readonly { readonly site: { readonly name: string } }[];
  const times = new Map<string, number>();
  for (const { site } of sites) times.set(site.name, (times.get(site.name) ?? 0) + 1);
  const lost = [...load.policies].filter(([site, acknowledged]) => acknowledged && !times.has(site));
  const twice = [...times].filter(([, count]) => count > 1);
  if (lost.length > 0) reasons.push(`${name} lacks policies: ${lost.map(([site]) => site).join(', ')}`);
  if (twice.length > 0) reasons.push(`${name} has policies twice: ${twice.map(([site]) => site).join(', ')}`);
  const audit = await node.run('blockchain audit');
  const forks = Number(/Proofs of equivocation +\| +(\d+)\|/.exec(audit)?.[1] ?? Number.NaN);
  if (forks !== 0 || !/Ledger +\|sound +\|/.test(audit)) reasons.push(`${name}'s audit: ${audit}`);
  return lost.length + twice.length + (forks === 0 ? 0 : 1);
};
