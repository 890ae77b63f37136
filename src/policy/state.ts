import type { Sliced } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import type { PolicyState } from './book.ts';
import type { Life, Subject } from './claims.ts';

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
    conflict: life.heads.length > 1 ? life.heads.map(({ hash }) => hash) : [],
  };
};
