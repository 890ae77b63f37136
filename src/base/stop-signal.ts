import { type Clock, systemClock } from './clock.ts';

/** What is told of a process. */
export interface StopSignals {
  on(signal: 'SIGINT' | 'SIGTERM', listener: () => void): unknown;
  exit(status: number): void;
}

/**
 * A terminal gives Ctrl-C to all processes of a command, a service manager SIGTERM; who started this one passes it on, too:
 * signals so close to the first are that one again.
 */
const SAME_MS = 500;

/** Resolves with the first SIGTERM or SIGINT; a later one ends the process at once. */
export const stopSignal = (told: StopSignals = process, clock: Clock = systemClock): Promise<NodeJS.Signals> =>
  new Promise((resolve) => {
    let firstMs: number | undefined;
    const onSignal = (signal: 'SIGINT' | 'SIGTERM', status: number): void => {
      const nowMs = clock.monotonicMs();
      if (firstMs === undefined) resolve(signal);
      else if (nowMs - firstMs > SAME_MS) told.exit(status);
      firstMs ??= nowMs;
    };
    told.on('SIGINT', () => onSignal('SIGINT', 130));
    told.on('SIGTERM', () => onSignal('SIGTERM', 143));
  });
