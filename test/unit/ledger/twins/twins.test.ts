import { describe, expect, test } from 'vitest';
import { signingKeyFromSeed } from '../../../../src/entry/keys.ts';
import {
  decodeOthers,
  decodePresence,
  encodeOthers,
  encodePresence,
  makePresence,
  type Presence,
  presenceHolds,
} from '../../../../src/ledger/twins/messages.ts';
import { HeardPresences, TwinState } from '../../../../src/ledger/twins/state.ts';

const KEY = signingKeyFromSeed(new Uint8Array(32).fill(7));
const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];
const presence = (instance: string, seen: string[] = [], writes = true): Presence =>
  makePresence(KEY, { instance, writes, seen });

describe('two nodes with one key', () => {
  test('find each other through a common peer within three rounds', () => {
    const peer = new HeardPresences();
    const [a, b] = [new TwinState(A), new TwinState(B)];
    const round = (nowMs: number): void => {
      a.answered('peer', peer.hear(KEY.author, presence(A, [...a.seen()]), nowMs), nowMs);
      b.answered('peer', peer.hear(KEY.author, presence(B, [...b.seen()], false), nowMs), nowMs);
    };
    round(0);
    expect([a.twin(0), b.twin(0)]).toEqual([undefined, undefined]);
    round(1_000);
    round(2_000);
    expect(a.twin(2_000)).toMatchObject({ instance: B, writes: false });
    expect(b.twin(2_000)).toMatchObject({ instance: A, writes: true });
    expect(a.twin(13_000), 'not heard of for long').toBeUndefined();
  });

  test('what a dead run of the node said is no twin', () => {
    const peer = new HeardPresences();
    peer.hear(KEY.author, presence(A), 0);
    const again = new TwinState(B);
    for (let nowMs = 1_000; nowMs < 9_000; nowMs += 1_000)
      again.answered('peer', peer.hear(KEY.author, presence(B, [...again.seen()]), nowMs), nowMs);
    expect(again.twin(9_000)).toBeUndefined();
    expect(again.isClear('peer', 8_000, 4_000, 4)).toBe(true);
    expect(again.isClear('other', 8_000, 4_000, 4)).toBe(false);
  });

  test('a peer is clear only after enough answers over enough time', () => {
    const state = new TwinState(A);
    for (let answer = 0; answer < 3; answer += 1) state.answered('peer', [], answer * 2_000);
    expect(state.isClear('peer', 9_000, 4_000, 4)).toBe(false);
    state.answered('peer', [], 6_000);
    expect(state.isClear('peer', 3_999, 4_000, 4)).toBe(false);
    expect(state.isClear('peer', 6_000, 4_000, 4)).toBe(true);
    state.forget('peer');
    expect(state.isClear('peer', 9_000, 4_000, 4)).toBe(false);
  });

  test('nobody but the holder of the key can say that it has seen an instance', () => {
    const true_ = presence(B, [A]);
    expect(presenceHolds(KEY.author, true_)).toBe(true);
    for (const forged of [
      { ...true_, seen: [] },
      { ...true_, writes: false },
      { ...true_, instance: A },
    ])
      expect(presenceHolds(KEY.author, forged)).toBe(false);
  });

  test('memory is bounded: instances of a key, and keys', () => {
    const peer = new HeardPresences();
    for (let each = 0; each < 20; each += 1) {
      const id = each.toString(16).padStart(32, '0');
      expect(peer.hear(KEY.author, presence(id), 0).length).toBeLessThanOrEqual(4);
    }
  });

  test('messages come through as they were; others are refused', () => {
    const about = presence(A, [B]);
    expect(decodePresence(encodePresence(about))).toEqual(about);
    expect(decodeOthers(encodeOthers([about]))).toEqual([about]);
    for (const bad of ['', '{}', '{"instance":"x"}', 'x'.repeat(20_000)])
      expect(() => decodePresence(Buffer.from(bad))).toThrow(
        expect.objectContaining({ code: 'LEDGER_TWINS_MALFORMED' }),
      );
  });
});
