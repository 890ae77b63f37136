import { fault, type HoldfastError } from '../../base/errors.ts';
import { ENTRY_FUTURE_MS_MAX } from '../../base/limits.ts';
import type { Note } from '../note.ts';
import { seconds } from './kind.ts';

/** What is known of the clock of a connected node. */
export interface PeerClock {
  /** For people. */
  readonly name: string;
  /** How far it is ahead of this one's; undefined where it does not say. */
  readonly clockAheadMs: number | undefined;
}

/** A single one may as well be wrong itself. */
const WITNESSES_MIN = 2;
const NAMED_MAX = 5;

/** What a person does where this node writes nothing since its clock may be ahead. */
export const CLOCK_AHEAD_STEP =
  'set the clock of this node (timedatectl, chronyc tracking): it writes again by itself, as it does where a node with the time of this one is connected; where those are wrong: keep them from connecting (firewall) until it is written';

interface Known {
  readonly name: string;
  readonly behindMs: number;
}

/** The nodes that hold back for a time of their own what this one dates now, and how many clocks are known at all. */
const holdingBack = (clocks: readonly PeerClock[]): { readonly known: number; readonly behind: readonly Known[] } => {
  const known = clocks.flatMap(({ name, clockAheadMs }) =>
    clockAheadMs === undefined ? [] : [{ name, behindMs: -clockAheadMs }],
  );
  return { known: known.length, behind: known.filter(({ behindMs }) => behindMs > ENTRY_FUTURE_MS_MAX) };
};

const named = (behind: readonly Known[]): string => {
  const shown = behind.slice(0, NAMED_MAX).map(({ name, behindMs }) => `${name} by ${seconds(behindMs)}`);
  const more = behind.length - shown.length;
  return [...shown, ...(more === 0 ? [] : [`${more} more`])].join(', ');
};

/**
 * Why this node must date nothing now: every clock that is known, of two nodes at least, is so far behind its own that
 * they would hold back what it writes. One that agrees is enough to go on, so that whoever lies about his clock stops
 * nobody. Undefined where it may. Pure.
 */
export const clockAhead = (clocks: readonly PeerClock[]): HoldfastError | undefined => {
  const { known, behind } = holdingBack(clocks);
  if (known < WITNESSES_MIN || behind.length < known) return undefined;
  return fault(
    'LEDGER_CLOCK_AHEAD',
    `the clock of this node is ahead of those of all connected nodes (${named(behind)}): they would hold back for so long what it writes`,
    { hint: CLOCK_AHEAD_STEP },
  );
};

/**
 * What is to be known about a write where most of the known clocks say that this one is ahead, but who is right is
 * open. Pure.
 */
export const noteOnClock = (clocks: readonly PeerClock[]): Note | undefined => {
  const { known, behind } = holdingBack(clocks);
  if (behind.length * 2 <= known) return undefined;
  return {
    code: 'CLOCK_OFF',
    text: `other clocks are behind this one (${named(behind)}): where they are right, what was written just now counts there only when that time has passed. Compare them (timedatectl); see get status`,
  };
};
