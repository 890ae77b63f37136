import { fault } from '../base/errors.ts';

/** A text as one value of a command, in whichever quotes it does not hold itself. Throws `COMMAND_VALUE`. */
export const quoted = (text: string): string => {
  const quote = ['"', '`', "'"].find((sign) => !text.includes(sign));
  if (quote === undefined)
    throw fault('COMMAND_VALUE', `${text} has every kind of quote`, { hint: 'a command cannot name it' });
  return `${quote}${text}${quote}`;
};
