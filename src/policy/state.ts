import type { Sliced } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import type { InForce, PolicyBook, PolicyState } from './book.ts';
import type { Life, Subject } from './claims.ts';
import type { VoidReason } from './void-reason.ts';

const NO_CONFLICT: readonly string[] = [];

const withoutMember = ({ member: _member, ...others }: JsonObject): JsonObject => others;

/** Made between two turns of the event loop: a few milliseconds. */
const SHOWN_AT_ONCE = 1_000;

/** Makes what those show that do not show anything yet. */
export function* showInSlices(subjects: Iterable<Subject>, show: (id: string) => JsonObject | undefined): Sliced<void> {
  let made = 0;
  for (const subject of subjects) {
    if (subject.state !== undefined || show(subject.id) === undefined) continue;
    made += 1;
    if (made % SHOWN_AT_ONCE === 0) yield;
  }
}

/** Those of them that are in force. */
export function* inForceOf(subjects: Iterable<Subject>): Iterable<InForce> {
  for (const { id, life } of subjects)
    if (life !== undefined && life.waiting === undefined)
      yield { id, type: life.type, member: life.member, versions: life.heads.length };
}

/** How many policies are in force. */
export const countInForce = (book: Pick<PolicyBook, 'inForce'>): number => {
  let count = 0;
  const policies = book.inForce()[Symbol.iterator]();
  while (policies.next().done !== true) count += 1;
  return count;
};

/** A policy that is inserted and has no effect for now. */
export interface WaitingPolicy {
  readonly type: string;
  readonly value: JsonObject;
  /** Hash of its newest entry. */
  readonly entry: string;
  readonly reason: VoidReason;
}

/** The policy where it waits for what another holds. */
export const waitingOf = ({ life, newest }: Subject): WaitingPolicy | undefined =>
  life?.waiting === undefined || newest === undefined
    ? undefined
    : { type: life.type, value: life.value, entry: newest.hash, reason: life.waiting };

/** The policy in force, made when it is asked for. */
export const shownBy = (subject: Subject): PolicyState | undefined => {
  const { id, life } = subject;
  if (life === undefined || life.waiting !== undefined) return undefined;
  return (subject.state ??= stateOf(id, life));
};

const stateOf = (id: string, life: Life): PolicyState => {
  const newest = life.heads.at(-1) ?? life.insert;
  const { insert, member } = life;
  // Of an operator whose cluster is erased no number is in force, whatever it wished.
  const given = life.type === 'operator' && member === undefined ? withoutMember(life.value) : life.value;
  return {
    type: life.type,
    id,
    value: {
      ...given,
      id,
      date: life.value['date'] ?? policyDate(insert.time),
      ...(member === undefined ? {} : { member }),
    },
    entry: newest.hash,
    author: newest.author,
    seq: newest.seq,
    owner: insert.author,
    time: insert.time,
    conflict: life.heads.length > 1 ? life.heads.map(({ hash }) => hash) : NO_CONFLICT,
  };
};
