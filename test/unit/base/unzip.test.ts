import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { unzip, unzipSync } from '../../../src/base/unzip.ts';

const ROWS = Buffer.from('{"reading":1}\n'.repeat(20_000));
const both = async (packed: Uint8Array, bytesMax = 10_000_000): Promise<readonly Buffer[]> => [
  await unzip(packed, bytesMax),
  unzipSync(packed, bytesMax),
];

test('what was packed comes back, in one buffer of its size', async () => {
  for (const content of await both(gzipSync(ROWS))) {
    expect(content.equals(ROWS)).toBe(true);
    expect(content.buffer.byteLength).toBe(ROWS.byteLength);
  }
  for (const content of await both(gzipSync(Buffer.alloc(0)))) expect(content.byteLength).toBe(0);
});

test('a length that is stated wrongly changes nothing but the buffers', async () => {
  // Several members: the last one states its own length only.
  const members = Buffer.concat([gzipSync(ROWS), gzipSync(Buffer.from('end'))]);
  for (const content of await both(members)) expect(content.toString()).toBe(`${ROWS.toString()}end`);
});

test('no more than may be, and nothing that is no gzip data', async () => {
  await expect(unzip(gzipSync(ROWS), 1_000)).rejects.toMatchObject({ code: 'ERR_BUFFER_TOO_LARGE' });
  await expect(unzip(Buffer.from('no'), 1_000)).rejects.toMatchObject({ code: 'Z_DATA_ERROR' });
});
