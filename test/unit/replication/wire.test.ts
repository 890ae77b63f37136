import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { copyOf, rowsText } from '../../conformance/file-store.ts';
import { BundleReader, bundlesOf, framesOf } from '../../../src/replication/transfer/bundle.ts';
import { decodeTransfer, encodeTransfer, TRANSFER_PROTOCOL } from '../../../src/replication/transfer/messages.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/wire/transfer/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const frameOf = (json: string): Uint8Array => {
  const text = Buffer.from(json, 'utf8');
  const prefix = Buffer.alloc(4);
  prefix.writeUInt32BE(text.byteLength, 0);
  return Buffer.concat([prefix, text]);
};

describe(`the golden vectors of ${TRANSFER_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (json) => {
    const { message } = decodeTransfer(frameOf(json));
    expect(Buffer.from(encodeTransfer(message)).equals(frameOf(json))).toBe(true);
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (json) => {
    expect(() => decodeTransfer(frameOf(json))).toThrow(expect.objectContaining({ code: 'TRANSFER_MALFORMED' }));
  });

  test('a bundle unpacks to the files that it was made of', () => {
    const lines = linesOf('bundle.txt');
    const frames = lines
      .filter((line) => !line.startsWith('{'))
      .map((line) => decodeTransfer(Buffer.from(line, 'hex')));
    const [first] = frames;
    if (first?.message.type !== 'files') throw new Error('the first frame begins a bundle');
    const reader = new BundleReader(first.message.id, first.message.total);
    const bundle = frames.map((frame) => reader.push(frame)).at(-1);
    const files = bundle?.files.map(({ copy }) => ({
      record: copy?.record,
      content: Buffer.from(copy?.content ?? []).toString(),
      rebuilt: copy?.rebuilt,
    }));
    expect(files).toEqual(lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as unknown));
    expect(bundle?.id).toBe(5);
  });

  test('a file whose content is not what its record names arrives with what is wrong with it', () => {
    const copy = copyOf('peer', 1, rowsText(0, 2));
    const {
      bundles: [bundle],
    } = bundlesOf([{ ...copy, content: Buffer.from(rowsText(1, 2)) }]);
    const [frame] = framesOf(5, bundle!);
    const received = new BundleReader(5, bundle!.total).push(decodeTransfer(frame!));
    expect(received?.files).toMatchObject([{ record: copy.record, fault: { code: 'TRANSFER_DIGEST_MISMATCH' } }]);
    expect(received?.files[0]?.copy).toBeUndefined();
  });

  test('a column without a type is brought as it is', () => {
    const whole = copyOf('peer', 1, rowsText(0, 2));
    const columns = whole.record.columns.map(({ name }) => ({ name, type: '' }));
    const copy = { ...whole, record: { ...whole.record, columns } };
    const {
      bundles: [bundle],
    } = bundlesOf([copy]);
    const received = new BundleReader(5, bundle!.total).push(decodeTransfer([...framesOf(5, bundle!)][0]!));
    expect(received?.files[0]?.copy?.record.columns).toEqual(columns);
  });

  test('a frame that does not hold its header is refused', () => {
    for (const frame of [[], [0, 0, 0], [0, 0, 0, 2, 123], [255, 255, 255, 255, 123, 125]])
      expect(() => decodeTransfer(Uint8Array.from(frame))).toThrow(
        expect.objectContaining({ code: 'TRANSFER_MALFORMED' }),
      );
  });
});
