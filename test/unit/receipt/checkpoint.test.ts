import { describe, expect, test } from 'vitest';
import { merkleRoot } from '../../../src/codec/merkle.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import {
  cosign,
  readCheckpoint,
  readCosignatureLine,
  signCheckpoint,
  withCosignatures,
} from '../../../src/receipt/checkpoint.ts';
import { leafOfEntry, readTlogProof, tlogProof } from '../../../src/receipt/evidence.ts';
import { noteText, readNote, verifierKey } from '../../../src/receipt/note.ts';

const [log, first, second] = [1, 2, 3].map((byte) => signingKeyFromSeed(new Uint8Array(32).fill(byte))) as [
  ReturnType<typeof signingKeyFromSeed>,
  ReturnType<typeof signingKeyFromSeed>,
  ReturnType<typeof signingKeyFromSeed>,
];
const origin = { network: 'ab'.repeat(32), node: log.author, incarnation: '0123456789abcdef' };
const entries = ['11', '22', '33'].map((pair) => pair.repeat(32));
const head = { size: 3, root: merkleRoot(entries.map(leafOfEntry)) };
const signed = readCheckpoint(signCheckpoint(log, origin, head));
const cosigned = withCosignatures(
  signed,
  [first, second].map((key, at) => readCosignatureLine(signed, cosign(key, origin, signed.text, 1_700_000_000 + at))),
);

/** Every text that differs from `text` in one bit of its bytes. */
function* oneBitChanges(text: string): Iterable<string> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.byteLength; at += 1)
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << bit);
      yield changed.toString('utf8');
    }
}

describe('a checkpoint', () => {
  test('is a signed note of three lines, and is read back with its cosignatures', () => {
    expect(signed.note.split('\n').slice(0, 4)).toEqual([
      `holdfast/${origin.network}/${log.author}/0123456789abcdef`,
      '3',
      head.root.toString('base64'),
      '',
    ]);
    const read = readCheckpoint(cosigned.note);
    expect(read).toEqual(cosigned);
    expect(read.cosignatures.map(({ witness, time }) => [witness, time])).toEqual([
      [first.author, 1_700_000_000],
      [second.author, 1_700_000_001],
    ]);
    expect(read.root).toEqual(head.root);
  });

  test('a newer cosignature of a witness takes the place of the older', () => {
    const newer = readCosignatureLine(signed, cosign(first, origin, signed.text, 1_700_000_099));
    const { cosignatures, note } = withCosignatures(cosigned, [newer]);
    expect(cosignatures.map(({ time }) => time)).toEqual([1_700_000_099, 1_700_000_001]);
    expect(readCheckpoint(note).cosignatures).toEqual(cosignatures);
  });

  test('has the signature of its log first', () => {
    const { text, signatures } = readNote(cosigned.note);
    const turned = noteText({ text, signatures: [...signatures.slice(1), ...signatures.slice(0, 1)] });
    expect(() => readCheckpoint(turned)).toThrow(/first/);
  });

  test('no change of one bit says the same of it', () => {
    for (const changed of oneBitChanges(cosigned.note)) {
      let read;
      try {
        read = readCheckpoint(changed);
      } catch {
        continue;
      }
      // A signature under a name that nobody knows is left alone: it counts no more.
      expect(read.cosignatures).toHaveLength(1);
      expect([read.size, read.root]).toEqual([head.size, head.root]);
    }
  });

  test.each([
    ['another key', () => signCheckpoint(first, origin, head)],
    ['no signature', () => `${signed.text}\n`],
    ['an extension line', () => signed.note.replace('\n\n', '\nmore\n\n')],
    ['a size with a zero before it', () => signed.note.replace('\n3\n', '\n03\n')],
    ['a control character', () => signed.note.replace('\n3\n', '\n3\r\n')],
    [
      'a cosignature of another text',
      () => {
        const line = cosign(first, origin, 'something else\n', 1);
        return `${signed.note}${line}`;
      },
    ],
    ['a witness twice', () => `${cosigned.note}${cosign(first, origin, signed.text, 1_700_000_005)}`],
    ['too many signatures', () => signed.note + cosign(first, origin, signed.text, 1).repeat(40)],
    ['too many bytes', () => `${'x'.repeat(20_000)}${signed.note}`],
  ])('is refused with %s', (_, make) => {
    expect(() => readCheckpoint(make())).toThrow(expect.objectContaining({ code: 'RECEIPT_NOTE_MALFORMED' }));
  });

  test('signatures of others stay, and count for nothing', () => {
    const strange = { name: 'witness.example/w1', keyId: '00000000', bytes: Buffer.alloc(72, 7) };
    const { text, signatures } = readNote(cosigned.note);
    const note = noteText({ text, signatures: [...signatures, strange] });
    const read = readCheckpoint(note);
    expect(read.cosignatures).toHaveLength(2);
    expect(withCosignatures(read, []).note).toContain('witness.example/w1');
  });

  test('keys are given out as other tools take them', () => {
    expect(verifierKey('a.example/b', 1, Buffer.from(log.author, 'hex'))).toMatch(
      /^a\.example\/b\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}$/,
    );
  });
});

describe('a tlog-proof', () => {
  const [a, b, c] = entries.map(leafOfEntry) as [Buffer, Buffer, Buffer];
  const file = tlogProof(1, [a, c], cosigned);

  test('proves its entry and no other', () => {
    expect(readTlogProof(file, entries[1] ?? '')).toEqual({ index: 1, checkpoint: cosigned });
    expect(() => readTlogProof(file, entries[0] ?? '')).toThrow(expect.objectContaining({ code: 'RECEIPT_PROOF_BAD' }));
    expect(() => readTlogProof(tlogProof(0, [a, c], cosigned), entries[1] ?? '')).toThrow('does not show');
    expect(() => readTlogProof(tlogProof(1, [a, b], cosigned), entries[1] ?? '')).toThrow('does not show');
    expect(() => readTlogProof(tlogProof(1, [a], cosigned), entries[1] ?? '')).toThrow('does not show');
  });

  test('no change of one bit proves it as well', () => {
    for (const changed of oneBitChanges(file)) {
      let read;
      try {
        read = readTlogProof(changed, entries[1] ?? '').checkpoint;
      } catch {
        continue;
      }
      expect(read.cosignatures).toHaveLength(1);
    }
  });
});
