import { oneLine } from '../../base/log.ts';
import type { HealthFacts } from './facts.ts';
import type { Area, FaultKind } from './kind.ts';
import { FAULT_KINDS, type FaultCode } from './kinds.ts';

/** Something that is wrong with the node or around it, as long as it is. */
export interface NodeFault {
  readonly code: FaultCode;
  readonly cause: string;
  readonly nextStep: string;
}

const ALL: readonly (readonly [string, FaultKind])[] = Object.entries(FAULT_KINDS);

/** The faults that the facts show, the gravest kinds first; of an area where one is named. Pure. */
export const faultsOf = (facts: HealthFacts, area?: Area): readonly NodeFault[] =>
  ALL.filter(([, { areas }]) => area === undefined || areas?.includes(area) === true).flatMap(([code, kind]) =>
    kind.causes(facts).map((told) => ({
      code: code as FaultCode,
      ...(typeof told === 'string' ? { cause: told, nextStep: kind.nextStep } : told),
    })),
  );

/** Faults shown of one kind; how many more there are is said. */
const LINES_OF_KIND_MAX = 5;
const CAUSE_CHARS_MAX = 300;

/**
 * What clients take for a bad status; a cause is shown as it is or left out, never in other words: it may name a file
 * or a node.
 */
const BAD_LETTERS = /not/i;
const WHY_ELSEWHERE = 'see why by: get processes';
const LEFT_OUT = '…';

/** A next step that begins so says where all is told. */
const SAYS_WHERE = /^see: /;

/**
 * Of a cause `who: what: why` the parts that clients do not misread, beginning with who it is about; nothing where that
 * is misread already.
 */
const plainCause = (cause: string, nextStep: string): string => {
  if (!BAD_LETTERS.test(cause)) return cause;
  const parts = cause.split(': ').map((part) => (BAD_LETTERS.test(part) ? LEFT_OUT : part));
  const shown = parts.filter((part, index) => part !== LEFT_OUT || parts[index - 1] !== LEFT_OUT);
  if (shown[0] === LEFT_OUT) return WHY_ELSEWHERE;
  return SAYS_WHERE.test(nextStep) ? shown.join(': ') : `${shown.join(': ')}; ${WHY_ELSEWHERE}`;
};

/**
 * One line a fault (seeds of another network have lines of their own), without the signs of a table. `plain`: without
 * the letters "not".
 */
export const faultLines = (faults: readonly NodeFault[], plain = false): string => {
  const counts = new Map<FaultCode, number>();
  return faults
    .filter(({ code }) => code !== 'OTHER_NETWORK')
    .flatMap(({ code, cause, nextStep }) => {
      const count = (counts.get(code) ?? 0) + 1;
      counts.set(code, count);
      if (count > LINES_OF_KIND_MAX) return [];
      const whole = oneLine(cause).slice(0, CAUSE_CHARS_MAX);
      return [`\nFault ${code}: ${plain ? plainCause(whole, nextStep) : whole}. Next: ${nextStep}`];
    })
    .concat(
      [...counts]
        .filter(([, count]) => count > LINES_OF_KIND_MAX)
        .map(([code, count]) => `\nFault ${code}: ${count - LINES_OF_KIND_MAX} more in the JSON`),
    )
    .join('')
    .replaceAll('|', ' ');
};
