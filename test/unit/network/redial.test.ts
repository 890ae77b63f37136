import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fault } from '../../../src/base/errors.ts';
import { DIAL_TIMEOUT_MS, REDIAL_MAX_MS, REDIAL_MIN_MS, REDIAL_PATIENCE_MIN_MS } from '../../../src/base/limits.ts';
import { createLogger } from '../../../src/base/log.ts';
import type { ConnectedPeer, DialTarget } from '../../../src/network/network.ts';
import { Redialer } from '../../../src/network/redial.ts';
import {
  callAnswered,
  type ConnectedView,
  dialFailed,
  dialStarted,
  dialSucceeded,
  dueTargets,
  isDoubtful,
  nextDueMs,
  patienceMs,
  peerLost,
  redialDelayMs,
  type RedialState,
  retarget,
} from '../../../src/network/redial-state.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { createVirtualClock } from '../../support/virtual-clock.ts';

const key = (digit: string): string => digit.repeat(64);
const nobody: ConnectedView = { keys: new Set(), addresses: new Set() };
const targets: DialTarget[] = [{ address: 'a:1' }, { address: 'b:1', key: key('b') }, { address: 'c:1' }];

describe('redial state', () => {
  test('all new targets are due at once, the own key never', () => {
    const state = retarget(new Map(), [...targets, { address: 'me:1', key: key('e') }], key('e'), 5);
    expect(dueTargets(state, nobody, 5).map((each) => each.address)).toEqual(['a:1', 'b:1', 'c:1']);
  });

  test('a target connected from whichever side is not dialled: by key, by dialled address, by who answered there', () => {
    let state = retarget(new Map(), targets, key('e'), 0);
    state = dialSucceeded(dialStarted(state, 'c:1', 0), 'c:1', key('c'), 0, 0);
    const connected = { keys: new Set([key('b'), key('c')]), addresses: new Set(['a:1']) };
    expect(dueTargets(state, connected, 1_000)).toEqual([]);
    expect(nextDueMs(state, connected)).toBeUndefined();
    expect(dueTargets(state, nobody, 1_000)).toHaveLength(3);
  });

  test('the delay grows to its maximum and stays there however long it lasts', () => {
    expect(redialDelayMs(0, 0)).toBe(REDIAL_MIN_MS / 2);
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (failures, fraction) => {
        const delay = redialDelayMs(failures, fraction);
        expect(delay).toBeGreaterThanOrEqual(REDIAL_MIN_MS / 2);
        expect(delay).toBeLessThanOrEqual(REDIAL_MAX_MS);
        if (failures >= 4) expect(delay).toBeGreaterThanOrEqual(REDIAL_MAX_MS / 2);
      }),
    );
  });

  test('a new set keeps the history of what stays; another key at an address starts afresh', () => {
    let state = retarget(new Map(), targets, key('e'), 0);
    for (const { address } of targets)
      state = dialFailed(dialStarted(state, address, 0), address, { text: 'x', own: false }, 0, 0);
    state = retarget(state, [{ address: 'a:1' }, { address: 'b:1', key: key('d') }], key('e'), 10);
    expect(state.get('a:1')).toMatchObject({ attempts: 1, failures: 1, lastError: 'x' });
    expect(state.get('b:1')).toMatchObject({ attempts: 0, dueMs: 10 });
    expect(state.has('c:1')).toBe(false);
  });

  test('whatever happens, an address that is not reached, not dialled and not the own is due within REDIAL_MAX_MS', () => {
    const event = fc.record({
      kind: fc.constantFrom('start', 'ok', 'fail', 'lost', 'retarget'),
      at: fc.nat(2),
      waitMs: fc.nat(5_000),
      fraction: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let nowMs = 0;
        let state: RedialState = retarget(new Map(), targets, key('e'), nowMs);
        for (const { kind, at, waitMs, fraction } of events) {
          nowMs += waitMs;
          const address = targets[at]?.address ?? '';
          const dialling = state.get(address)?.dialling === true;
          if (kind === 'start' && !dialling) state = dialStarted(state, address, nowMs);
          if (kind === 'ok' && dialling) state = dialSucceeded(state, address, key('b'), nowMs, fraction);
          if (kind === 'fail' && dialling)
            state = dialFailed(state, address, { text: 'x', own: false }, nowMs, fraction);
          if (kind === 'lost') state = peerLost(state, key('b'), nowMs, () => fraction);
          if (kind === 'retarget') state = retarget(state, targets, key('e'), nowMs);
          for (const entry of state.values()) {
            if (!entry.dialling) expect(entry.dueMs).toBeLessThanOrEqual(nowMs + REDIAL_MAX_MS);
          }
        }
      }),
    );
  });
});

describe('patience with a dial', () => {
  const dialled = (tooksMs: readonly number[], failures = 0): RedialState => {
    let state = retarget(new Map(), targets, key('e'), 0);
    for (const tookMs of tooksMs) {
      state = dialSucceeded(dialStarted(state, 'a:1', 0), 'a:1', key('a'), tookMs, 0);
      state = peerLost(state, key('a'), REDIAL_MAX_MS + tookMs, () => 0);
    }
    for (let count = 0; count < failures; count += 1)
      state = dialFailed(dialStarted(state, 'a:1', 0), 'a:1', { text: 'x', own: false }, 0, 0);
    return state;
  };
  const patience = (state: RedialState): number => patienceMs(state.get('a:1')!);

  test('is all there is for the first call of an address, and short once it has answered or not', () => {
    expect(patience(dialled([]))).toBe(DIAL_TIMEOUT_MS);
    expect(patience(dialled([], 1))).toBe(REDIAL_PATIENCE_MIN_MS);
    expect(patience(dialled([20]))).toBe(REDIAL_PATIENCE_MIN_MS);
    expect(patience(dialled([400]))).toBe(1_200);
    expect(patience(dialled([4_000]))).toBe(DIAL_TIMEOUT_MS);
  });

  test('is short for the first call of a peer that was here by its own dial: it was near, and its loss must show soon', () => {
    let state = retarget(new Map(), [{ address: 'b:1', key: key('b') }], key('e'), 0);
    state = peerLost(state, key('b'), 60_000, () => 0);
    expect(patienceMs(state.get('b:1')!)).toBe(REDIAL_PATIENCE_MIN_MS);
    // Before the first dial has failed, too.
    expect(state.get('b:1')).toMatchObject({ lastError: 'the connection was lost', lost: true });
  });

  test('what was lost is not yet out of reach: the next dial tells', () => {
    const once = dialSucceeded(dialStarted(dialled([]), 'a:1', 0), 'a:1', key('a'), 1, 0);
    const lost = peerLost(once, key('a'), 60_000, () => 0);
    const again = dialStarted(lost, 'a:1', 61_000);
    expect([lost, again].map((state) => state.get('a:1')!.lost)).toEqual([true, true]);
    const failed = dialFailed(again, 'a:1', { text: 'x', own: false }, 62_000, 0);
    expect(failed.get('a:1')).toMatchObject({ lastError: 'x', lost: false });
    const back = dialSucceeded(again, 'a:1', key('a'), 62_000, 0);
    expect(back.get('a:1')).toMatchObject({ lastError: undefined, lost: false });
  });

  test('is not spoiled by one dial during which the path healed, and follows a path that has become slower', () => {
    expect(patience(dialled([20, 1_100]))).toBe(REDIAL_PATIENCE_MIN_MS);
    expect(patience(dialled([20, 900, 900, 900]))).toBe(2_400);
  });

  test('is longer for one dial after a call was answered beside it, which is tried after 2, 4, 8 … failures', () => {
    const doubted = (tooksMs: readonly number[]): readonly number[] =>
      Array.from({ length: 130 }, (_, at) => at + 1).filter((failures) =>
        isDoubtful(dialled(tooksMs, failures).get('a:1')!),
      );
    expect(doubted([20])).toEqual([2, 4, 8, 16, 32, 64, 128]);
    expect(doubted([])).toEqual([1, 2, 4, 8, 16, 32, 64, 128]);
    let state = dialled([20], 40);
    expect(patience(state)).toBe(REDIAL_PATIENCE_MIN_MS);
    for (const ms of [1_300, 2_600, DIAL_TIMEOUT_MS, DIAL_TIMEOUT_MS]) {
      state = callAnswered(state, 'a:1');
      expect(patience(state)).toBe(ms);
      state = dialStarted(state, 'a:1', 0);
      expect(patience(state)).toBe(REDIAL_PATIENCE_MIN_MS);
    }
    state = peerLost(dialSucceeded(state, 'a:1', key('a'), 20, 0), key('a'), REDIAL_MAX_MS + 20, () => 0);
    expect(patience(callAnswered(state, 'a:1'))).toBe(1_300);
  });

  test('a dial that nobody answered has waited already: the next one follows within REDIAL_UNREACHED_MAX_MS of its start', () => {
    let state = dialled([20], 5);
    state = dialStarted(state, 'a:1', 10_000);
    const gaveUpMs = 10_000 + patience(state);
    state = dialFailed(state, 'a:1', { text: 'x', own: false }, gaveUpMs, 0.99);
    expect(state.get('a:1')!.dueMs - 10_000).toBeLessThanOrEqual(REDIAL_PATIENCE_MIN_MS + REDIAL_MIN_MS);
  });
});

describe('redialer', () => {
  const setUp = (
    dial: (target: DialTarget, timeoutMs: number) => Promise<ConnectedPeer>,
    call: () => Promise<void> = () => new Promise(() => {}),
  ) => {
    const clock = createVirtualClock();
    const connected = new Map<string, string>();
    const dials: { address: string; atMs: number }[] = [];
    const lines: string[] = [];
    const redialer = new Redialer({
      self: key('e'),
      clock,
      random: createSeededRandom(1),
      log: createLogger(({ level, text }) => lines.push(`${level} ${text}`)),
      dial: (target, timeoutMs) => {
        dials.push({ address: target.address, atMs: clock.monotonicMs() });
        return dial(target, timeoutMs);
      },
      call,
      connected: () => ({ keys: new Set(connected.keys()), addresses: new Set(connected.values()) }),
    });
    return { clock, connected, dials, lines, redialer };
  };
  const peer = (digit: string, address: string): ConnectedPeer => ({
    key: key(digit),
    address,
    outbound: true,
    sinceMs: 0,
    rttMs: undefined,
  });

  test('dials all at once, then each for ever: an hour later still every few seconds; says so once', async () => {
    const { clock, dials, lines, redialer } = setUp(async ({ address }) => {
      throw fault('NETWORK_UNREACHABLE', `cannot reach ${address}`);
    });
    redialer.keepDialled(targets);
    expect(dials.map((each) => [each.address, each.atMs])).toEqual(targets.map((each) => [each.address, 0]));
    await clock.advance(3_600_000);
    const late = dials.filter((each) => each.atMs > 3_590_000 && each.address === 'a:1');
    expect(late.length).toBeGreaterThanOrEqual(3);
    expect(lines.filter((line) => line.includes('a:1'))).toHaveLength(1);
    expect(redialer.states()[0]).toMatchObject({ connected: false, lastError: 'cannot reach a:1' });
    redialer.close();
    await clock.advance(10_000);
    expect(clock.pending).toBe(0);
  });

  test.each([1, 10, 180, 3_600])('back within a second after it can be reached again, after %i s', async (seconds) => {
    let reachable = false;
    const world = setUp(async ({ address }) => {
      if (!reachable) throw fault('NETWORK_UNREACHABLE', `cannot reach ${address}`);
      world.connected.set(key('a'), address);
      return peer('a', address);
    });
    world.redialer.keepDialled([{ address: 'a:1' }]);
    await world.clock.advance(seconds * 1_000);
    reachable = true;
    await world.clock.advance(1_000);
    expect(world.redialer.states()[0]?.connected).toBe(true);
    world.redialer.close();
  });

  /** A path that takes `tookMs` for a dial, or swallows all of it. */
  const path = () => {
    const state = { cut: false, tookMs: 20 };
    const world = setUp(
      ({ address }, timeoutMs) => {
        const { cut, tookMs } = state;
        return new Promise((resolve, reject) => {
          const answered = !cut && tookMs < timeoutMs;
          world.clock.after(answered ? tookMs : timeoutMs, () => {
            if (answered) {
              world.connected.set(key('a'), address);
              resolve(peer('a', address));
            } else reject(fault('NETWORK_UNREACHABLE', 'no answer'));
          });
        });
      },
      () => (state.cut ? new Promise(() => {}) : Promise.resolve()),
    );
    const lose = (): void => {
      world.connected.clear();
      world.redialer.onPeerDown(key('a'));
    };
    return { state, world, lose };
  };

  test('a cut that swallows calls: back within a second, however long it lasted', async () => {
    const { state, world, lose } = path();
    world.redialer.keepDialled([{ address: 'a:1', key: key('a') }]);
    await world.clock.advance(5_000);
    for (let cutMs = 700; cutMs < 400_000; cutMs += 13_337 + cutMs / 7) {
      state.cut = true;
      lose();
      await world.clock.advance(cutMs);
      state.cut = false;
      await world.clock.advance(1_000);
      expect([cutMs, world.connected.size]).toEqual([cutMs, 1]);
    }
    world.redialer.close();
  });

  test.each([6_700, 20_000, 61_000])('the same where nobody ever answered, after %i ms', async (cutMs) => {
    const { state, world } = path();
    state.cut = true;
    world.redialer.keepDialled([{ address: 'a:1', key: key('a') }]);
    await world.clock.advance(cutMs);
    state.cut = false;
    await world.clock.advance(1_000);
    expect(world.connected.size).toBe(1);
    world.redialer.close();
  });

  test('a path that has become slower than the patience with it is found', async () => {
    const { state, world, lose } = path();
    world.redialer.keepDialled([{ address: 'a:1', key: key('a') }]);
    await world.clock.advance(5_000);
    state.tookMs = 3_000;
    lose();
    await world.clock.advance(15_000);
    expect(world.connected.size).toBe(1);
    world.redialer.close();
  });

  test('a thousand addresses that are down cost a bounded number of dials, spread over the time', async () => {
    const { clock, dials, redialer } = setUp(async ({ address }) => {
      throw fault('NETWORK_UNREACHABLE', `cannot reach ${address}`);
    });
    redialer.keepDialled(Array.from({ length: 1_000 }, (_, at) => ({ address: `n${at}:1` })));
    await clock.advance(30_000);
    const late = dials.filter(({ atMs }) => atMs >= 20_000).map(({ atMs }) => atMs);
    expect(late.length / 10).toBeLessThan(1_000 / (REDIAL_MAX_MS / 2_000));
    const perTenth = Array.from({ length: 100 }, (_, at) =>
      late.filter((ms) => Math.floor((ms - 20_000) / 100) === at),
    );
    expect(Math.max(...perTenth.map(({ length }) => length))).toBeLessThan(3 * (late.length / 100));
    redialer.close();
  });

  test('many nodes that lose one peer do not come back at the same moment', () => {
    const dialledAt: number[] = [];
    for (let node = 0; node < 200; node += 1) {
      const random = createSeededRandom(node);
      let state = retarget(new Map(), [{ address: 'a:1', key: key('a') }], key('e'), 0);
      state = dialSucceeded(dialStarted(state, 'a:1', 0), 'a:1', key('a'), 0, 0);
      state = peerLost(state, key('a'), 60_000, () => random.fraction());
      dialledAt.push(state.get('a:1')?.dueMs ?? 0);
    }
    const perTen = new Map<number, number>();
    for (const ms of dialledAt) perTen.set(Math.floor(ms / 10), (perTen.get(Math.floor(ms / 10)) ?? 0) + 1);
    expect(Math.max(...perTen.values())).toBeLessThan(60);
    expect(Math.max(...dialledAt) - 60_000).toBeLessThanOrEqual(REDIAL_MIN_MS);
  });

  test('a peer that hangs up at once is dialled with growing pauses, not in a tight loop', async () => {
    const world = setUp(async ({ address }) => {
      world.connected.set(key('a'), address);
      world.clock.after(20, () => {
        world.connected.delete(key('a'));
        world.redialer.onPeerDown(key('a'));
      });
      return peer('a', address);
    });
    world.redialer.keepDialled([{ address: 'a:1' }]);
    await world.clock.advance(60_000);
    expect(world.dials.length).toBeLessThan(50);
    expect(world.dials.length).toBeGreaterThan(15);
  });

  test('a dial that succeeds without a connection to show for it is no tight loop either', async () => {
    const { clock, dials, redialer } = setUp(async ({ address }) => peer('a', address));
    redialer.keepDialled([{ address: 'a:1' }]);
    await clock.advance(10_000);
    expect(dials.length).toBeLessThan(110);
  });

  test('the own address is dialled once and never again', async () => {
    const { clock, dials, redialer } = setUp(async ({ address }) => {
      throw fault('NETWORK_SELF', `${address} is this node itself`);
    });
    redialer.keepDialled([{ address: 'a:1' }]);
    await clock.advance(60_000);
    expect(dials).toHaveLength(1);
  });

  test('a lost peer is dialled again within a moment', async () => {
    const { clock, connected, dials, redialer } = setUp(async ({ address }) => {
      connected.set(key('a'), address);
      return peer('a', address);
    });
    redialer.keepDialled([{ address: 'a:1', key: key('a') }]);
    await clock.advance(60_000);
    expect(dials).toHaveLength(1);
    connected.clear();
    redialer.onPeerDown(key('a'));
    await clock.advance(REDIAL_MIN_MS);
    expect(dials).toHaveLength(2);
    expect(redialer.states()[0]?.connected).toBe(true);
  });
});
