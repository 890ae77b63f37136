import type { Entry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { rotateText } from '../../src/policy/authority/acts.ts';
import type { EntrySketch } from './policy-entries.ts';

const keyOf = (number: number): SigningKey => signingKeyFromSeed(Buffer.alloc(32, `rotated ${number} `));

/** A root that has handed on its key so many times; after each the new key writes a policy. */
export const rotatedHistory = (rotations: number): readonly Entry[] => {
  const entries: Entry[] = [];
  const last = new Map<string, Entry>();
  const write = (key: SigningKey, cap: string | null, sketch: EntrySketch): Entry => {
    const before = last.get(key.author);
    const entry = makeEntry(key, {
      ...{ parents: entries.slice(-1).flatMap(({ hash }) => (hash === before?.hash ? [] : [hash])), replaces: null },
      ...{ type: null, id: null, content: {}, ...sketch },
      ...{ net: entries[0]?.hash ?? '', cap, op: sketch.op ?? 'insert', salt: Buffer.alloc(16) },
      ...{ seq: (before?.header.seq ?? 0) + 1, prev: before?.hash ?? null },
      time: 1_700_000_000_000_000 + entries.length,
    });
    last.set(key.author, entry);
    entries.push(entry);
    return entry;
  };
  const roots = [keyOf(0).author];
  const { hash: net } = write(keyOf(0), null, {
    op: 'genesis',
    content: { v: 1, name: 'n', admission: 'invite', roots },
  });
  let cap = net;
  for (let number = 0; number <= rotations; number += 1) {
    const [key, next] = [keyOf(number), keyOf(number + 1)];
    write(key, cap, { type: 'site', id: `s${number}`, content: { name: `s${number}` } });
    if (number === rotations) break;
    const proof = Buffer.from(signWith(next, Buffer.from(rotateText(net, cap, key.author, next.author)))).toString(
      'hex',
    );
    ({ hash: cap } = write(key, cap, { op: 'rotate', content: { v: 1, key: next.author, proof } }));
  }
  return entries;
};
