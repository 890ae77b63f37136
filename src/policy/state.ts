import type { JsonObject } from '../codec/json.ts';
import { policyDate } from '../entry/time.ts';
import type { PolicyState } from './book.ts';
import type { Life, Subject } from './claims.ts';

const withoutMember = ({ member: _member, ...others }: JsonObject): JsonObject => others;

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
