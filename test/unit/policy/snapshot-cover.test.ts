import { describe, expect, it } from 'vitest';
import { atOnce } from '../../../src/base/slices.ts';
import type { JsonObject } from '../../../src/codec/json.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../../src/entry/keys.ts';
import { makeEntry } from '../../../src/entry/make.ts';
import { rotateText } from '../../../src/policy/authority/acts.ts';
import { Authority } from '../../../src/policy/authority/authority.ts';
import { snapshotContent } from '../../../src/policy/snapshot/act.ts';
import { coverOf, provenLogs } from '../../../src/policy/snapshot/cover.ts';
import { draftSnapshot } from '../../../src/policy/snapshot/draft.ts';
import { SettleMemory } from '../../../src/policy/snapshot/settle.ts';
import { codeOf } from '../../support/policy-node.ts';
import { bookOf } from '../../support/snapshot-histories.ts';

const keyOf = (number: number): SigningKey => signingKeyFromSeed(Buffer.alloc(32, number));
const [ANN, BOB, EVE, NEW] = [keyOf(1), keyOf(2), keyOf(3), keyOf(4)] as const;

/** A network of root keys; each entry builds on all before. */
const world = (roots: readonly SigningKey[]) => {
  const entries: Entry[] = [];
  const last = new Map<string, Entry>();
  const write = (key: SigningKey, op: string, content: JsonObject, more: { cap?: string; id?: string } = {}): Entry => {
    const before = last.get(key.author);
    const net = entries[0]?.hash ?? '';
    const parents = [...last.values()].filter(({ header }) => header.author !== key.author).map(({ hash }) => hash);
    const entry = makeEntry(key, {
      ...{ net, op, content, parents: parents.sort(), cap: net === '' ? null : (more.cap ?? net), replaces: null },
      ...{ type: more.id === undefined ? null : 'site', id: more.id ?? null, salt: Buffer.alloc(16) },
      ...{ seq: (before?.header.seq ?? 0) + 1, prev: before?.hash ?? null },
      time: 1_700_000_000_000_000 + entries.length,
    });
    last.set(key.author, entry);
    entries.push(entry);
    return entry;
  };
  write(ANN, 'genesis', { v: 1, name: 'n', admission: 'open', roots: roots.map(({ author }) => author).sort() });
  write(ANN, 'insert', { name: 's' }, { id: 's' });
  const fold = () => bookOf(entries);
  const act = (key: SigningKey): JsonObject => {
    const source = { fold: fold(), memory: new SettleMemory(), author: key.author, isHeldByAll: () => true };
    return snapshotContent(atOnce(draftSnapshot(source)).act);
  };
  const rotate = (from: SigningKey, to: SigningKey): Entry => {
    const net = entries[0]?.hash ?? '';
    const text = Buffer.from(rotateText(net, net, from.author, to.author));
    const proof = Buffer.from(signWith(to, text)).toString('hex');
    return write(from, 'rotate', { v: 1, key: to.author, proof });
  };
  const prove = (proof: readonly Entry[], known = new Authority()): string | undefined =>
    atOnce(
      provenLogs(
        entries[0]?.hash ?? '',
        proof.map(({ raw }) => raw),
        known,
      ),
    );
  const cover = () => {
    const found = atOnce(coverOf(fold()));
    const proof = found?.proof.flatMap((hash) => entries.find((entry) => entry.hash === hash) ?? []) ?? [];
    return { proof, root: found && atOnce(found.logs.root()) };
  };
  return { entries, write, act, fold, rotate, prove, cover };
};

describe('what proves a snapshot to one that holds nothing', () => {
  it('is its entries by a majority of the root keys, and names the logs that it covers', () => {
    const { write, act, prove, cover, entries } = world([ANN, BOB, EVE]);
    expect(cover().proof).toEqual([]);
    const content = act(ANN);
    const [one, two] = [write(ANN, 'snapshot', content), write(BOB, 'snapshot', content)];
    write(EVE, 'snapshot', content);
    const { proof, root } = cover();
    expect(proof).toHaveLength(3);
    expect(root).toBe(content['logs']);
    expect(prove(proof)).toBe(root);
    const [genesis] = entries;
    expect(prove([genesis!, two, one])).toBe(root);
    for (const few of [
      [genesis!, one],
      [one, two],
      [genesis!, one, one],
    ])
      expect(() => prove(few)).toThrow(expect.objectContaining({ code: 'LEDGER_SYNC_UNPROVEN' }));
  });

  it('is nothing that a majority says in different words, or that strangers say', () => {
    const { write, act, prove, entries } = world([ANN, BOB, EVE]);
    const content = act(ANN);
    const one = write(ANN, 'snapshot', content);
    const other = write(BOB, 'snapshot', { ...content, logs: 'd'.repeat(64) });
    const strange = write(NEW, 'snapshot', content);
    expect(() => prove([entries[0]!, one, other, strange])).toThrow('no majority');
  });

  it('is nothing that is not signed, or of another network', () => {
    const { write, act, prove, cover } = world([ANN]);
    write(ANN, 'snapshot', act(ANN));
    const { proof } = cover();
    const spoiled = proof.map((entry, at) =>
      at === 0 ? entry : { ...entry, raw: { ...entry.raw, signature: Buffer.alloc(64) } },
    );
    expect(() => prove(spoiled)).toThrow('not signed');
    expect(() => world([BOB]).prove(proof)).toThrow('another network');
  });

  it('is the shortest of those that there are', () => {
    const { write, act, rotate, cover } = world([ANN, BOB, EVE]);
    const content = act(ANN);
    const link = rotate(ANN, NEW);
    write(NEW, 'snapshot', content, { cap: link.hash });
    const [two, three] = [write(BOB, 'snapshot', content), write(EVE, 'snapshot', content)];
    expect(cover().proof.slice(1)).toEqual([two, three]);
  });

  it('leads over the rotations of a root key; a key that was handed on proves nothing more', async () => {
    const { write, act, rotate, prove, cover, fold, entries } = world([ANN]);
    const content = act(ANN);
    const link = rotate(ANN, NEW);
    write(NEW, 'snapshot', content, { cap: link.hash });
    const { proof, root } = cover();
    expect(proof.map(({ header }) => header.op)).toEqual(['genesis', 'snapshot', 'rotate']);
    expect(prove(proof)).toBe(root);
    expect(await codeOf(Promise.resolve().then(() => prove(proof.slice(0, 2))))).toBe('LEDGER_SYNC_UNPROVEN');
    // Who sends it need not know of the rotation; who does takes nothing by it, and blames nobody.
    // Each signature takes its time: none of these steps looks at many.
    const { raw } = entries[0]!;
    const links = Array.from({ length: 200 }, () => link.raw);
    expect([...provenLogs(entries[0]!.hash, [raw, ...links, proof[1]!.raw], fold().authority)].length).toBeGreaterThan(
      12,
    );
    const late = [entries[0]!, write(ANN, 'snapshot', content)];
    expect(prove(late)).toBe(root);
    expect(prove(late, fold().authority)).toBeUndefined();
  });
});
