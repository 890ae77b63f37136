import {
  DIAL_TIMEOUT_MS,
  REDIAL_MAX_MS,
  REDIAL_MIN_MS,
  REDIAL_PATIENCE_MIN_MS,
  REDIAL_UNREACHED_EACH_MS,
  REDIAL_UNREACHED_MAX_MS,
} from '../base/limits.ts';
import type { Address, DialTarget, PeerKey } from './network.ts';

const TOOK_MIN_MS = 100;

/** One address that is dialled for ever. */
export interface RedialEntry {
  readonly target: DialTarget;
  readonly dialling: boolean;
  /** Monotonic time of the last dial. */
  readonly startedMs: number;
  /** How long dials that succeed take; 0 where the peer was reached by its own dial alone. */
  readonly tookMs: number | undefined;
  /** All dials so far. */
  readonly attempts: number;
  /** Failed dials, and connections that did not last, since the last connection that did. */
  readonly failures: number;
  /** Monotonic time of the last dial that succeeded. */
  readonly reachedMs: number | undefined;
  /** Monotonic time from which on it is dialled when it is not connected. */
  readonly dueMs: number;
  /** The key that answered here last. */
  readonly answeredBy: PeerKey | undefined;
  /** The address is this node's own: never dialled again. */
  readonly own: boolean;
  /** Another process answers there with the own key. */
  readonly twin: boolean;
  /** Calls that were answered there though dials came to nothing, since a connection lasted. */
  readonly answered: number;
  /** The last look was such a call: the next dial is given more time. */
  readonly slow: boolean;
  readonly lastError: string | undefined;
  /** The connection was lost, and no dial since has told whether the peer is out of reach. */
  readonly lost: boolean;
}

/** Address → entry. Pure: the functions below return a new state. */
export type RedialState = ReadonlyMap<Address, RedialEntry>;

/** What is kept of the connections: their keys, and the addresses that were dialled. */
export interface ConnectedView {
  readonly keys: ReadonlySet<PeerKey>;
  readonly addresses: ReadonlySet<Address>;
}

/**
 * Pause after `failures` failed dials in a row, of at most `maxMs`; `fraction` in [0, 1) spreads it over the upper
 * half.
 */
export const redialDelayMs = (failures: number, fraction: number, maxMs = REDIAL_MAX_MS): number =>
  Math.min(maxMs, REDIAL_MIN_MS * 2 ** Math.min(failures, 16)) * (0.5 + fraction / 2);

/**
 * The longest pause for an address that does not answer: below a second, so that it is back within one after it can be
 * reached; longer where many are down, so that all of them together cost no more than a bounded number of dials a
 * second.
 */
const unreachedMaxMs = (state: RedialState): number => {
  const down = [...state.values()].filter(({ failures }) => failures > 0).length;
  return Math.min(REDIAL_MAX_MS, Math.max(REDIAL_UNREACHED_MAX_MS, down * REDIAL_UNREACHED_EACH_MS));
};

/** Replaces the set of targets. What stays keeps its history; a new one, or one with another key, is due at once. */
export const retarget = (
  state: RedialState,
  targets: readonly DialTarget[],
  self: PeerKey,
  nowMs: number,
): RedialState => {
  const next = new Map<Address, RedialEntry>();
  for (const target of targets) {
    if (target.key === self) continue;
    const known = next.get(target.address) ?? state.get(target.address);
    const key = target.key ?? next.get(target.address)?.target.key;
    const same = known !== undefined && (key === undefined || known.target.key === key);
    next.set(target.address, {
      ...(same ? known : { ...fresh(nowMs), dialling: known?.dialling ?? false }),
      target: { address: target.address, key },
    });
  }
  return next;
};

const fresh = (nowMs: number): Omit<RedialEntry, 'target'> => ({
  dialling: false,
  startedMs: nowMs,
  tookMs: undefined,
  attempts: 0,
  failures: 0,
  reachedMs: undefined,
  dueMs: nowMs,
  answeredBy: undefined,
  own: false,
  twin: false,
  answered: 0,
  slow: false,
  lastError: undefined,
  lost: false,
});

/** Whether the target is reached, by whichever side dialled. */
export const isReached = (entry: RedialEntry, connected: ConnectedView): boolean => {
  const { address, key } = entry.target;
  if (key !== undefined) return connected.keys.has(key);
  return connected.addresses.has(address) || (entry.answeredBy !== undefined && connected.keys.has(entry.answeredBy));
};

const isWaiting = (entry: RedialEntry, connected: ConnectedView): boolean =>
  !entry.dialling && !entry.own && !isReached(entry, connected);

/** Which addresses to dial now. */
export const dueTargets = (state: RedialState, connected: ConnectedView, nowMs: number): readonly DialTarget[] =>
  [...state.values()].flatMap((entry) => (entry.dueMs <= nowMs && isWaiting(entry, connected) ? [entry.target] : []));

/** When the next address falls due; undefined when none waits. */
export const nextDueMs = (state: RedialState, connected: ConnectedView): number | undefined => {
  let first: number | undefined;
  for (const entry of state.values())
    if ((first === undefined || entry.dueMs < first) && isWaiting(entry, connected)) first = entry.dueMs;
  return first;
};

const change = (
  state: RedialState,
  address: Address,
  edit: (entry: RedialEntry) => Partial<RedialEntry>,
): RedialState => {
  const entry = state.get(address);
  return entry === undefined ? state : new Map(state).set(address, { ...entry, ...edit(entry) });
};

/** An address is being dialled from now on. */
export const dialStarted = (state: RedialState, address: Address, nowMs: number): RedialState =>
  change(state, address, (entry) => ({ dialling: true, startedMs: nowMs, attempts: entry.attempts + 1, slow: false }));

const DOUBTS_FROM = 2;

/**
 * Whether it is time to look, beside the dials, if calls are answered at an address: its path, or the machine at either
 * end, may have become slower than the patience with it. After 2, 4, 8 … failures, and after the first where it never
 * answered.
 */
export const isDoubtful = ({ failures, tookMs }: RedialEntry): boolean =>
  Number.isInteger(Math.log2(failures)) && (tookMs === undefined || failures >= DOUBTS_FROM);

/** A call was answered there. */
export const callAnswered = (state: RedialState, address: Address): RedialState =>
  change(state, address, ({ answered }) => ({ answered: answered + 1, slow: true }));

/** At most twice what it was: a dial during which the path healed took longer than the path does. */
const smoothed = (tookMs: number, before: number | undefined): number =>
  before === undefined ? tookMs : Math.min(tookMs, 2 * Math.max(before, TOOK_MIN_MS));

/**
 * How long the next dial is waited for. Where the path is cut a call is not refused but swallowed, and the one that is
 * under way when the path heals is lost: it must not keep the next one waiting. So it is longer for single dials alone,
 * after a call that was answered: twice, four times … as long, since what answers calls may still be a dead path (a
 * relay whose far side is gone).
 */
export const patienceMs = ({ tookMs, attempts, answered, slow }: RedialEntry): number => {
  // A peer that was here by its own dial is known to be near: its loss must show soon.
  if (attempts === 0 && tookMs === undefined) return DIAL_TIMEOUT_MS;
  const usualMs = Math.max(REDIAL_PATIENCE_MIN_MS, 3 * (tookMs ?? 0));
  return Math.min(DIAL_TIMEOUT_MS, slow ? usualMs * 2 ** answered : usualMs);
};

/** Until the connection shows, or when it is gone again already, the address waits as after a failure. */
export const dialSucceeded = (
  state: RedialState,
  address: Address,
  key: PeerKey,
  nowMs: number,
  fraction: number,
): RedialState =>
  change(state, address, (entry) => ({
    dialling: false,
    tookMs: smoothed(nowMs - entry.startedMs, entry.tookMs),
    reachedMs: nowMs,
    dueMs: nowMs + redialDelayMs(entry.failures, fraction),
    lastError: undefined,
    lost: false,
    answeredBy: key,
  }));

/** A dial failed. `own`: this node itself answered there; `twin`: another node with its key did. */
export const dialFailed = (
  state: RedialState,
  address: Address,
  failure: { readonly text: string; readonly own: boolean; readonly twin?: boolean },
  nowMs: number,
  fraction: number,
): RedialState =>
  change(state, address, (entry) => ({
    dialling: false,
    failures: entry.failures + 1,
    // Counted from its start, since a dial that was not answered has waited already.
    dueMs: Math.max(
      nowMs + redialDelayMs(0, fraction),
      entry.startedMs + redialDelayMs(entry.failures, fraction, unreachedMaxMs(state)),
    ),
    own: failure.own,
    twin: failure.twin === true,
    lastError: failure.text,
    lost: false,
  }));

/**
 * A peer was lost: what led to it is due again soon, not at once, for both sides are about to dial. A connection that
 * did not last counts as a failure, so that a peer which hangs up on us is not dialled in a tight loop.
 */
export const peerLost = (state: RedialState, key: PeerKey, nowMs: number, fraction: () => number): RedialState => {
  let next = state;
  for (const [address, entry] of state) {
    if (entry.target.key !== key && entry.answeredBy !== key) continue;
    const lasted = entry.reachedMs === undefined || nowMs - entry.reachedMs >= REDIAL_MAX_MS;
    const failures = lasted ? 0 : entry.failures + 1;
    const dueMs = nowMs + redialDelayMs(failures, fraction());
    next = change(next, address, ({ tookMs = 0, answered }) => ({
      ...{ failures, dueMs, tookMs, lastError: 'the connection was lost', lost: true },
      answered: lasted ? 0 : answered,
    }));
  }
  return next;
};
