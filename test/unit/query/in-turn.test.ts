import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { fault } from '../../../src/base/errors.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';
import { inTurn, type InTurnOptions } from '../../../src/query/in-turn.ts';

const options = (signal: AbortSignal, more: Partial<InTurnOptions<string>> = {}): InTurnOptions<string> => ({
  clock: systemClock,
  signal,
  hedgeMs: 10,
  hedgeSlowMs: 40,
  isFinal: ({ code }) => code === 'FINAL',
  exhausted: (failures) =>
    fault('EXHAUSTED', failures.map(({ candidate, error }) => `${candidate}:${error.code}`).join()),
  ...more,
});

/** What each candidate does; `asked` tells who was asked and who was ended. */
const world = (behaviour: Readonly<Record<string, (signal: AbortSignal, accepted: () => void) => Promise<string>>>) => {
  const asked: string[] = [];
  const attempt = (candidate: string, signal: AbortSignal, accepted: () => void): Promise<string> => {
    asked.push(candidate);
    signal.addEventListener('abort', () => asked.push(`-${candidate}`));
    return behaviour[candidate]?.(signal, accepted) ?? Promise.reject(new Error('nobody'));
  };
  return { asked, attempt };
};

const untilEnded = (signal: AbortSignal): Promise<string> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(fault('ENDED', 'ended'))));
const fails = (code: string) => (): Promise<string> => Promise.reject(fault(code, code));
const answers = (text: string) => (): Promise<string> => Promise.resolve(text);

describe('candidates in turn', () => {
  const never = new AbortController().signal;

  test('the first that succeeds counts; the others are not asked', async () => {
    const { asked, attempt } = world({ a: fails('DOWN'), b: answers('b'), c: answers('c') });
    expect(await inTurn(['a', 'b', 'c'], attempt, options(never))).toBe('b');
    expect(asked).toEqual(['a', 'b']);
  });

  test('all failures are told when none is left', async () => {
    const { attempt } = world({ a: fails('DOWN'), b: fails('BUSY') });
    await expect(inTurn(['a', 'b'], attempt, options(never))).rejects.toThrow('a:DOWN,b:BUSY');
    await expect(inTurn([], attempt, options(never))).rejects.toMatchObject({ code: 'EXHAUSTED' });
  });

  test('a failure that all would repeat ends it', async () => {
    const { asked, attempt } = world({ a: fails('FINAL'), b: answers('b') });
    await expect(inTurn(['a', 'b'], attempt, options(never))).rejects.toMatchObject({ code: 'FINAL' });
    expect(asked).toEqual(['a']);
  });

  test('beside a silent one the next is asked, and the silent one is ended', async () => {
    const { asked, attempt } = world({ a: untilEnded, b: answers('b'), c: answers('c') });
    expect(await inTurn(['a', 'b', 'c'], attempt, options(never))).toBe('b');
    expect(asked).toEqual(['a', 'b', '-a']);
  });

  test('one that goes on sending is not overtaken; once it falls silent the next is asked', async () => {
    const clock = createVirtualClock();
    let alive = (): void => {};
    const sends = (signal: AbortSignal, tell: () => void): Promise<string> => {
      alive = tell;
      return untilEnded(signal);
    };
    const { asked, attempt } = world({ a: sends, b: answers('b') });
    const answer = inTurn(['a', 'b'], attempt, options(never, { clock }));
    for (let sent = 0; sent < 20; sent += 1) {
      alive();
      await clock.advance(39);
    }
    expect(asked).toEqual(['a']);
    await clock.advance(2);
    expect(await answer).toBe('b');
    expect(asked).toEqual(['a', 'b', '-a']);
  });

  test('one that accepted is given more time', async () => {
    const slow = (_: AbortSignal, accepted: () => void): Promise<string> => {
      accepted();
      return new Promise((resolve) => systemClock.after(25, () => resolve('a')));
    };
    const { asked, attempt } = world({ a: slow, b: answers('b') });
    expect(await inTurn(['a', 'b'], attempt, options(never, { hedgeSlowMs: 10_000 }))).toBe('a');
    expect(asked).toEqual(['a']);
  });

  test('one that fails is replaced at once, also beside silent ones', async () => {
    let fail = (): void => {};
    const later = (_: AbortSignal, accepted: () => void): Promise<string> => {
      accepted();
      return new Promise((_resolve, reject) => (fail = () => reject(fault('DOWN', 'down'))));
    };
    const { asked, attempt } = world({ a: untilEnded, b: untilEnded, c: later, d: answers('d') });
    const clock = createVirtualClock();
    const answer = inTurn(['a', 'b', 'c', 'd'], attempt, options(never, { clock, hedgeSlowMs: 10_000 }));
    await clock.advance(20);
    expect(asked).toEqual(['a', 'b', 'c']);
    fail();
    expect(await answer).toBe('d');
    expect(clock.monotonicMs()).toBe(20);
  });

  test('at most three are asked at the same time', async () => {
    const caller = new AbortController();
    const { asked, attempt } = world({ a: untilEnded, b: untilEnded, c: untilEnded, d: untilEnded });
    systemClock.after(120, () => caller.abort(new Error('enough')));
    await expect(inTurn(['a', 'b', 'c', 'd'], attempt, options(caller.signal))).rejects.toThrow('enough');
    expect(asked).toEqual(['a', 'b', 'c', '-a', '-b', '-c']);
  });

  test('nothing is begun after the caller has given up', async () => {
    const caller = new AbortController();
    const { asked, attempt } = world({ a: untilEnded, b: answers('b') });
    const running = inTurn(['a', 'b'], attempt, options(caller.signal, { hedgeMs: 10_000 }));
    caller.abort(new Error('gone'));
    await expect(running).rejects.toThrow('gone');
    await new Promise(setImmediate);
    expect(asked).toEqual(['a', '-a']);
    await expect(inTurn(['b'], attempt, options(caller.signal))).rejects.toThrow('gone');
    expect(asked).toEqual(['a', '-a']);
  });
});
