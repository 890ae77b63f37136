import { fault } from '../base/errors.ts';

/**
 * Hybrid logical clock: the wall clock, but after the author's own last entry and after every parent.
 * All in microseconds since 1970.
 */
export const nextTime = (wallMicros: number, ownLast: number | undefined, parents: readonly number[]): number =>
  Math.max(Math.floor(wallMicros), (ownLast ?? -1) + 1, ...parents.map((time) => time + 1));

/** The documented policy date: `2021-04-02T18:31:46.802694Z`. */
export const policyDate = (timeMicros: number): string => {
  const ms = Math.floor(timeMicros / 1000);
  const micros = timeMicros - ms * 1000;
  return `${new Date(ms).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
};

const POLICY_DATE = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3})(\d{3})Z$/;

/** Back from {@link policyDate}, microseconds since 1970. Throws `ENTRY_DATE_MALFORMED`. */
export const parsePolicyDate = (text: string): number => {
  const match = POLICY_DATE.exec(text);
  const timeMicros = match === null ? Number.NaN : Date.parse(`${match[1] ?? ''}Z`) * 1000 + Number(match[2]);
  if (!Number.isSafeInteger(timeMicros) || policyDate(timeMicros) !== text)
    throw fault('ENTRY_DATE_MALFORMED', `not a policy date: ${text.slice(0, 64)}`, {
      hint: 'a policy date looks like 2021-04-02T18:31:46.802694Z',
    });
  return timeMicros;
};
