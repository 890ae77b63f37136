import { expect, test } from 'vitest';
import { FRAME_BYTES_MAX, SYNC_AUTHORS_MAX, SYNC_COVERED_MAX } from '../../../src/base/limits.ts';
import { createLogger } from '../../../src/base/log.ts';
import type { RawEntry } from '../../../src/entry/entry.ts';
import { CoveredLogs } from '../../../src/ledger/cover.ts';
import { createCoverOffer } from '../../../src/node/archiving.ts';

const author = (number: number): string => number.toString(16).padStart(64, '0');
const entry = (bytes: number): RawEntry => ({
  ...{ header: Buffer.alloc(10), signature: Buffer.alloc(64), body: Buffer.alloc(bytes) },
});
const logsOf = (authors: number, entries: number): CoveredLogs => {
  const logs = new CoveredLogs();
  const hashes = Buffer.alloc((32 * entries) / authors);
  for (let at = 0; at < authors; at += 1) logs.add(author(at), hashes);
  return logs;
};

test('a snapshot that no peer takes is not offered, and that is said once', () => {
  const said: string[] = [];
  const offer = createCoverOffer(createLogger(({ text, data }) => said.push(`${text} | ${String(data?.['hint'])}`)));
  const small = { proof: [entry(100)], logs: logsOf(2, 4) };
  expect(offer(small)).toBe(small);
  const large = { proof: small.proof, logs: logsOf(1, SYNC_COVERED_MAX) };
  expect([offer(large), offer(large)]).toEqual([undefined, undefined]);
  expect(said).toEqual([expect.stringMatching(/covers 1000000 entries of 1 authors.*\| .*fill history/)]);
  expect(offer({ proof: small.proof, logs: logsOf(SYNC_AUTHORS_MAX + 1, SYNC_AUTHORS_MAX + 1) })).toBeUndefined();
  expect(offer({ proof: [entry(FRAME_BYTES_MAX)], logs: small.logs })).toBeUndefined();
  expect(said).toHaveLength(3);
  expect(said[2]).toMatch(/what proves it takes \d+ bytes/);
});
