import { type Clock, systemClock } from './clock.ts';

/** What is told of a process. */
export interface StopSignals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
}

/**
 * A terminal gives Ctrl-C to all processes of a command, a service manager SIGTERM; who started this one passes it on,
 * too: signals so close to the first are that one again.
 */
const SAME_MS = 500;
/** A launcher that gets no turn on a busy machine passes it on later than that, once. */
const PASSED_ON_MS = 5_000;

/**
 * Resolves with the first SIGTERM or SIGINT; a later one ends the process at once. `launched`: by a process that passes
 * on what it is told.
 */
export const stopSignal = (
  told: StopSignals = process,
  clock: Clock = systemClock,
  launched = process.channel !== undefined,
): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    let first: { readonly signal: string; readonly ms: number } | undefined;
    let mayComeAgain = launched;
    const onSignal = (signal: 'SIGINT' | 'SIGTERM', status: number): void => {
      const ms = clock.monotonicMs();
      if (first === undefined) {
        first = { signal, ms };
        resolve(signal);
        return;
      }
      const sinceMs = ms - first.ms;
      const isPassedOn = mayComeAgain && signal === first.signal && sinceMs <= PASSED_ON_MS;
      if (isPassedOn) mayComeAgain = false;
      else if (sinceMs > SAME_MS) told.exit(status);
    };
    told.on('SIGINT', () => onSignal('SIGINT', 130));
    told.on('SIGTERM', () => onSignal('SIGTERM', 143));
  });
