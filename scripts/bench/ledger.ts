import {
  closeSync,
  constants,
  fdatasyncSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  write as writeInPool,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed, signWith, verifySignatureInBackground } from '../../src/entry/keys.ts';
import type { Proposal } from '../../src/ledger/ledger.ts';
import { createMemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { openLedger } from '../../src/ledger/open-ledger.ts';
import type { StoredLedger } from '../../src/ledger/stored-ledger.ts';
import { type Figure, quantile, report, timed } from './report.ts';
import { rawTakeUp } from './scale-entries.ts';

/**
 * Measures the ledger beside the raw limit of the same work: `node scripts/bench/ledger.ts [--json]`. Ours and the
 * limit alternate in rounds, since the machine's own speed changes while one measures; medians are printed. `ENTRIES`
 * and `ROUNDS` in the environment set how many; the targets printed are those of 10,000.
 */
const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const ENTRIES = Number(process.env['ENTRIES'] ?? 10_000);
/**
 * Beyond these the authors hear no more of each other: to tell every author of every entry would take longer than the
 * bench.
 */
const LINKED = Math.min(ENTRIES / 2, 5_000);
const AUTHORS = 50;
const IN_FLIGHT = 64;
const ONE_BY_ONE = 400;
const TOGETHER = 3_000;

const root = mkdtempSync(join(tmpdir(), 'holdfast-bench-'));
let directories = 0;
const freshDir = (): string => join(root, String((directories += 1)));
const seedOf = (number: number): Uint8Array => new Uint8Array(32).fill(number);
const median = (samples: readonly number[]): number => quantile(samples, 0.5);

/** A policy of 400 bytes. */
const policy = (number: number): Proposal => ({
  op: 'insert',
  type: 'operator',
  id: sha256Hex(String(number)).slice(0, 32),
  replaces: null,
  content: {
    operator: {
      name: `operator-${number}`,
      company: 'Example Manufacturing',
      ip: '10.1.2.3',
      port: 32_148,
      cluster: sha256Hex('cluster').slice(0, 32),
      description: 'x'.repeat(400 - 162),
    },
  },
});

const perSecond = (count: number, ms: number): number => (count / ms) * 1_000;

const rawAppend = async (bytes: number): Promise<number> => {
  const file = openSync(join(root, 'raw'), constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
  const line = Buffer.alloc(bytes, 'x');
  const ms = await timed(() => {
    for (let number = 0; number < ONE_BY_ONE; number += 1) {
      writeSync(file, line);
      fdatasyncSync(file);
    }
  });
  closeSync(file);
  return perSecond(ONE_BY_ONE, ms);
};

/**
 * What is left of that where the event loop must not wait for the disk: each write goes to the thread pool and back.
 */
const pooledAppend = async (bytes: number): Promise<number> => {
  const file = openSync(
    join(root, 'pooled'),
    constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_DSYNC,
  );
  const line = Buffer.alloc(bytes, 'x');
  const write = promisify(writeInPool);
  const ms = await timed(async () => {
    for (let number = 0; number < ONE_BY_ONE; number += 1) await write(file, line, 0, line.byteLength, null);
  });
  closeSync(file);
  return perSecond(ONE_BY_ONE, ms);
};

const appendInFlight = async (ledger: StoredLedger, count: number, inFlight: number): Promise<number> => {
  let left = count;
  const next = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await ledger.append(policy(ledger.size * 100 + left));
    }
  };
  return perSecond(count, await timed(() => Promise.all(Array.from({ length: inFlight }, next))));
};

const measureAppends = async (): Promise<Figure[]> => {
  const dir = freshDir();
  const ledger = await openLedger({ dir, seed: seedOf(1) });
  const { entry } = await ledger.createNetwork('bench', 'open');
  const key = signingKeyFromSeed(seedOf(1));
  const lineBytes = entry.raw.header.byteLength + 600;
  const header = Buffer.alloc(512, 'x');
  const samples = {
    one: [] as number[],
    raw: [] as number[],
    pooled: [] as number[],
    together: [] as number[],
    sign: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    samples.raw.push(await rawAppend(lineBytes));
    samples.pooled.push(await pooledAppend(lineBytes));
    samples.one.push(await appendInFlight(ledger, ONE_BY_ONE, 1));
    const signing = await timed(() => {
      for (let number = 0; number < TOGETHER; number += 1) signWith(key, header);
    });
    samples.sign.push(perSecond(TOGETHER, signing));
    samples.together.push(await appendInFlight(ledger, TOGETHER, IN_FLIGHT));
  }
  const entries = ledger.size;
  await ledger.close();
  const bytes = sizeOf(join(dir, 'journal')) + sizeOf(join(dir, 'index'));
  return [
    {
      work: 'durable append, one by one',
      ours: median(samples.one),
      limit: median(samples.raw),
      unit: '/s',
      target: '≥ 50 %',
      against: 'append + fdatasync, one by one',
    },
    {
      work: '… the write alone, by the thread pool',
      ours: median(samples.pooled),
      limit: median(samples.raw),
      unit: '/s',
      target: '',
      against: 'append + fdatasync, one by one',
    },
    {
      work: `durable append, ${IN_FLIGHT} in flight`,
      ours: median(samples.together),
      limit: median(samples.sign),
      unit: '/s',
      target: '≥ 50 %',
      against: 'Ed25519 sign',
    },
    { work: 'disk per 400-byte policy', ours: bytes / entries, unit: 'B', target: '≤ 1,200 B' },
  ];
};

/** Everything of a network in which many authors append in turns, each knowing of the others. */
const makeEntries = async (): Promise<RawEntry[]> => {
  const first = await createMemoryLedger({ seed: seedOf(1) });
  await first.createNetwork('bench', 'open');
  const authors = await Promise.all(
    Array.from({ length: AUTHORS }, (_, at) => createMemoryLedger({ seed: seedOf(at + 2) })),
  );
  const raws = (await first.follow(0, 1)).map(({ entry }) => entry.raw);
  for (const author of authors) {
    await author.offer(raws.slice(0, 1), first.author);
    author.allowAppend();
  }
  let heads: RawEntry[] = [];
  while (raws.length < ENTRIES) {
    const made: RawEntry[] = [];
    for (const [at, author] of authors.entries()) {
      await author.offer(heads, first.author);
      const held = await Promise.all(
        Array.from({ length: 10 }, (_, number) => author.append(policy(raws.length + at * 10 + number))),
      );
      made.push(...held.map(({ entry }) => entry.raw));
    }
    raws.push(...made);
    heads = raws.length < LINKED ? made : [];
  }
  for (const author of authors) await author.close();
  return raws.slice(0, ENTRIES);
};

const measureTakeUp = async (): Promise<Figure[]> => {
  const raws = await makeEntries();
  const samples = {
    offer: [] as number[],
    raw: [] as number[],
    checked: [] as number[],
    verify: [] as number[],
    open: [] as number[],
    follow: [] as number[],
    rebuild: [] as number[],
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    const dir = freshDir();
    samples.raw.push(await timed(() => rawTakeUp(raws)));
    const ledger = await openLedger({ dir, seed: seedOf(99) });
    const offered = await timed(() => ledger.offer(raws, 'f'.repeat(64)));
    samples.offer.push(offered);
    samples.checked.push(offered + (await timed(() => ledger.signaturesChecked())));
    samples.verify.push(
      await timed(() =>
        Promise.all(raws.map(({ header, signature }) => verifySignatureInBackground(ledger.author, header, signature))),
      ),
    );
    await ledger.close();
    samples.open.push(await timed(async () => (await openLedger({ dir, seed: seedOf(99) })).close()));
    const again = await openLedger({ dir, seed: seedOf(99) });
    samples.follow.push(
      await timed(async () => {
        for (let cursor = 0; cursor < again.size;)
          cursor = ((await again.follow(cursor, 1_000)).at(-1)?.cursor ?? cursor) + 1;
      }),
    );
    await again.close();
    rmSync(join(dir, 'index'), { recursive: true });
    samples.rebuild.push(await timed(async () => (await openLedger({ dir, seed: seedOf(99) })).close()));
  }
  const count = `${ENTRIES.toLocaleString('en-US')} entries by ${AUTHORS} authors`;
  return [
    {
      work: `take up ${count}`,
      ours: median(samples.offer),
      limit: median(samples.raw),
      unit: 'ms',
      target: '≤ 300 ms',
      against: 'parse, encode and hash them',
    },
    {
      work: '… until every signature is checked',
      ours: median(samples.checked),
      limit: median(samples.verify),
      unit: 'ms',
      target: '≤ 1,000 ms',
      against: 'verify them on the thread pool',
    },
    {
      work: `open with ${ENTRIES.toLocaleString('en-US')}`,
      ours: median(samples.open),
      unit: 'ms',
      target: '≤ 100 ms',
    },
    { work: '… without its index', ours: median(samples.rebuild), unit: 'ms', target: '' },
    { work: '… then read all from disk', ours: median(samples.follow), unit: 'ms', target: '' },
  ];
};

const sizeOf = (dir: string): number => readdirSync(dir).reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);

try {
  report('Ledger', [...(await measureAppends()), ...(await measureTakeUp())]);
} finally {
  rmSync(root, { recursive: true });
}
