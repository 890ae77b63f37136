import type { HealthFacts } from './facts.ts';

/** Which commands tell of a fault beside `get status` and `get processes`. */
export type Area = 'synchronizer' | 'distributor' | 'consumer';

/** One kind of fault: how it is recognised, and what a person does about it. */
export interface FaultKind {
  readonly areas?: readonly Area[];
  /** Clients take a status with the letters "not" for a bad one: a test keeps them out of it. */
  readonly nextStep: string;
  /** One cause for each thing at fault, with a next step of its own where the common one would not say it exactly. */
  causes(facts: HealthFacts): readonly (string | { readonly cause: string; readonly nextStep: string })[];
}

/** Ends a next step. */
export const BY_ITSELF = 'it goes on by itself';

/** A length of time for people. */
export const seconds = (ms: number): string => {
  const [long, hours] = [Math.abs(ms), ms / 3_600_000];
  if (long >= 3 * DAY_MS) return `${(ms / DAY_MS).toFixed(0)} days`;
  if (long >= 7_200_000) return `${hours.toFixed(1)} hours`;
  return `${(ms / 1_000).toFixed(long < 10_000 ? 1 : 0)} s`;
};
const DAY_MS = 86_400_000;

/** The cause, where it holds. */
export const when = (holds: boolean | undefined, cause: string): readonly string[] => (holds === true ? [cause] : []);

/** A number of files. */
export const files = (count: number): string => `${count} ${count === 1 ? 'file' : 'files'}`;
