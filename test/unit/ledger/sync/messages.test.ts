import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ENTRY_BODY_BYTES_MAX, ENTRY_HEADER_BYTES_MAX, FRAME_BYTES_MAX } from '../../../../src/base/limits.ts';
import {
  type ControlMessage,
  decodeGossip,
  decodeMessage,
  encodeControl,
  encodeEntries,
  encodeLogs,
  EntryBatch,
  type SyncMessage,
} from '../../../../src/ledger/sync/messages.ts';

interface Vector {
  readonly label: string;
  readonly hex: string;
}

/** Lines `label: hex`; `#` begins a comment. */
const vectors = (name: string): Vector[] =>
  [1, 2]
    .flatMap((major) =>
      readFileSync(new URL(`../../../../fixtures/wire/ledger-sync/${major}/${name}`, import.meta.url), 'utf8').split(
        '\n',
      ),
    )
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => {
      const at = line.lastIndexOf(':');
      return { label: line.slice(0, at), hex: line.slice(at + 1).trim() };
    });

const encoded = (message: SyncMessage): Uint8Array => {
  if (message.kind === 'entries' || message.kind === 'proof') return encodeEntries(message.entries, message.kind);
  return message.kind === 'logs' ? encodeLogs(message.logs) : encodeControl(message);
};

const bytesOf = ({ hex }: Vector): Uint8Array => Buffer.from(hex, 'hex');

describe('golden frames', () => {
  test.each(vectors('valid.txt'))('$label is read, and written as the same bytes', (vector) => {
    const message = decodeMessage(bytesOf(vector));
    const again = encoded(message);
    expect(Buffer.from(again).toString('hex')).toBe(vector.hex);
    expect(vector.label.split(',')[0]).toBe(message.kind);
  });

  test.each(vectors('invalid.txt'))('$label is refused', (vector) => {
    expect(() => decodeMessage(bytesOf(vector))).toThrow(expect.objectContaining({ code: 'LEDGER_SYNC_MALFORMED' }));
  });

  test('all kinds of message have a vector', () => {
    const kinds = new Set(vectors('valid.txt').map(({ label }) => label.split(',')[0]));
    expect([...kinds].sort()).toEqual(['ask', 'clock', 'end', 'entries', 'have', 'is', 'logs', 'proof', 'want']);
  });
});

const rawEntry = fc.record({
  header: fc.uint8Array({ maxLength: 300 }),
  signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
  body: fc.uint8Array({ maxLength: 300 }),
});

describe('entries', () => {
  test('L3 pieces come through as the exact bytes, whatever they are', () => {
    fc.assert(
      fc.property(fc.array(rawEntry, { minLength: 1, maxLength: 8 }), (entries) => {
        const message = decodeMessage(encodeEntries(entries));
        const pieces = message.kind === 'entries' ? message.entries : [];
        expect(pieces.map((each) => [each.header, each.signature, each.body].map((piece) => [...piece]))).toEqual(
          entries.map((each) => [each.header, each.signature, each.body].map((piece) => [...piece])),
        );
      }),
    );
  });

  test('L5 rubbish is refused with one code and never anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), fc.constantFrom(1, 2, 3, 4, 7), (bytes, kind) => {
        try {
          decodeMessage(Uint8Array.of(kind, ...bytes));
        } catch (caught) {
          expect((caught as { code: string }).code).toBe('LEDGER_SYNC_MALFORMED');
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a batch never makes a frame above the limit, nor loses an entry', () => {
    const largest = {
      header: new Uint8Array(ENTRY_HEADER_BYTES_MAX),
      signature: new Uint8Array(64),
      body: new Uint8Array(ENTRY_BODY_BYTES_MAX),
    };
    const batch = new EntryBatch();
    const frames = Array.from({ length: 50 }, () => batch.add(largest))
      .concat(batch.take())
      .filter((frame) => frame !== undefined);
    expect(frames.every((frame) => frame.byteLength <= FRAME_BYTES_MAX)).toBe(true);
    const entries = frames.flatMap((frame) => {
      const message = decodeMessage(frame);
      return message.kind === 'entries' ? message.entries : [];
    });
    expect(entries).toHaveLength(50);
    expect(batch.take()).toBeUndefined();
  });

  test('gossip is exactly one entry', () => {
    const entry = { header: Buffer.from('h'), signature: Buffer.alloc(64), body: Buffer.from('b') };
    expect(decodeGossip(encodeEntries([entry])).header).toEqual(entry.header);
    const end: ControlMessage = { kind: 'end' };
    for (const data of [encodeEntries([entry, entry]), encodeControl(end), new Uint8Array()])
      expect(() => decodeGossip(data)).toThrow(expect.objectContaining({ code: 'LEDGER_SYNC_MALFORMED' }));
  });
});
