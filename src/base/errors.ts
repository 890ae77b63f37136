/** What an error may carry beside its text. */
export interface FaultDetails {
  /** Values that a program or an auditor wants: ids, sizes, positions. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** The next step for the person who reads the error. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The one error class. `code` is the contract (`FLOOR_REASON`, never renamed), the text may change;
 * the command language's documented numbers are mapped from codes in `command/error-numbers.ts`.
 */
export class HoldfastError extends Error {
  readonly code: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly hint: string | undefined;

  constructor(code: string, text: string, details: FaultDetails = {}) {
    super(text, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.data = details.data ?? {};
    this.hint = details.hint;
  }
}

/** Makes (does not throw) an error: `throw fault('LEDGER_ENTRY_OVERSIZE', …)`. */
export const fault = (code: string, text: string, details?: FaultDetails): HoldfastError =>
  new HoldfastError(code, text, details);

/** Anything caught, as our class; what is not ours becomes `INTERNAL` with the original as its cause. */
export const asFault = (caught: unknown): HoldfastError =>
  caught instanceof HoldfastError ? caught : new HoldfastError('INTERNAL', textOf(caught), { cause: caught });

/** Whether a caught value is our error with that code. */
export const hasCode = (caught: unknown, code: string): boolean =>
  caught instanceof HoldfastError && caught.code === code;

/** What a script printed before the line that it failed at, as `data.printed` has it; nothing for any other failure. */
export const printedIn = ({ data: { printed } }: HoldfastError): readonly string[] =>
  Array.isArray(printed) ? printed.filter((text) => typeof text === 'string') : [];

/** The `code` of a Node system error such as `ENOSPC`, or undefined. */
export const systemCode = (caught: unknown): string | undefined =>
  caught instanceof Error && 'code' in caught && typeof caught.code === 'string' ? caught.code : undefined;

/** The message of anything caught; an event that was thrown or given as a reason tells its error, or else its kind. */
export const textOf = (caught: unknown): string => {
  if (caught instanceof Error) return caught.message;
  if (!(caught instanceof Event)) return String(caught);
  const told: unknown = Reflect.get(caught, 'error');
  return told instanceof Error ? told.message : `it ended with ${caught.type}`;
};
