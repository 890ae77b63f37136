import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { factsIn } from '../../../src/bundle/erased.ts';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import type { TarFile } from '../../../src/codec/tar.ts';
import { type Entry, withoutBody } from '../../../src/entry/entry.ts';
import { signWith } from '../../../src/entry/keys.ts';
import {
  bundleOf,
  NODES,
  receiptsOf,
  remade,
  signedAgain,
  signedHostileHistory,
  signedSnapshotHistory,
  witnessedHistory,
} from '../../support/bundles.ts';
import { linkedHistory } from '../../support/linked-history.ts';
import type { PolicyHabits } from '../../support/authority-histories.ts';
import { partialLives } from '../../support/partial-lives.ts';
import { POLICY_HABITS } from '../../support/policy-habits.ts';
import { rotatedHistory } from '../../support/rotated-history.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const REPEAT = `HOLDFAST_SEED=${SEED}`;
const RUNS = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 40);
const PROGRAM = fileURLToPath(new URL('../../../scripts/audit/verify.py', import.meta.url));
const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;

const random = createSeededRandom(SEED);
const [NODE, WITNESS] = NODES as [(typeof NODES)[0], (typeof NODES)[0]];
const dir = mkdtempSync(join(tmpdir(), 'holdfast-second-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What the second implementation says of some bundles, in their order: the state's root, or what is wrong. One process. */
const secondReading = (bundles: readonly Uint8Array[], flags: readonly string[]): readonly string[] => {
  const files = bundles.map((bytes, at) => {
    const file = join(dir, `${at}.tar`);
    writeFileSync(file, bytes);
    return file;
  });
  const { stdout, stderr } = spawnSync('python3', [PROGRAM, ...flags, ...files], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  expect(stderr, REPEAT).toBe('');
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t').slice(1).join(' '));
};

/** As {@link POLICY_HABITS}, and now and then an author erases something, its own or not. */
const ERASING_HABITS: PolicyHabits = {
  ...POLICY_HABITS,
  sketch: (draw, author, entries) => {
    if (draw.chance(0.7)) return POLICY_HABITS.sketch(draw, author, entries);
    const own = entries.filter(({ header }) => header.author === author && header.op !== 'genesis');
    const target = draw.pick(own.length > 0 && draw.chance(0.7) ? own : entries);
    const names = Object.keys(target.content).filter((name) => name !== '__proto__' && draw.chance(0.8));
    const isNull = (name: string): boolean => target.content[name] === null;
    const removed = names.filter(isNull);
    return {
      op: 'erase',
      content: { v: 1, entry: target.hash, attributes: names.filter((name) => !isNull(name)), removed, reason: 'r' },
    };
  },
};

/** The entries as a node has them: without the bodies that are erased by right, most of them. */
const withoutErased = (entries: readonly Entry[]): readonly Entry[] => {
  const facts = factsIn(entries.map((entry) => ({ entry, stem: '' })));
  return entries.map((entry, at) =>
    facts[at]?.erasure?.inForce === true && random.chance(0.9) ? withoutBody(entry) : entry,
  );
};

const hasFork = (entries: readonly Entry[]): boolean =>
  new Set(entries.map(({ header: { author, seq } }) => `${author} ${seq}`)).size < entries.length;

/** So many, half of them with an author that signed two entries with one number, which is rare among them. */
const linkedHistories = (count: number) => {
  const drawn = fc.sample(linkedHistory(40), { seed: SEED, numRuns: 40 * count });
  const forked = drawn.filter(({ entries }) => hasFork(entries)).slice(0, count / 2);
  return [...drawn.slice(0, count - forked.length), ...forked];
};

const histories = async (): Promise<readonly Uint8Array[]> => {
  const bundles: Uint8Array[] = [];
  for (let run = 0; run < RUNS; run += 1)
    bundles.push(await bundleOf(signedHostileHistory(random, random.integer(1, 100), POLICY_HABITS)));
  for (let run = 0; run < RUNS / 2; run += 1)
    bundles.push(await bundleOf(signedHostileHistory(random, random.integer(1, 40))));
  for (const { entries } of linkedHistories(RUNS / 4)) {
    const signed = signedAgain(entries);
    const { hash, header } = random.pick(signed);
    bundles.push(
      await bundleOf(signed),
      await bundleOf(signed, { moment: { kind: 'frontier', heads: [hash] } }),
      await bundleOf(signed, { moment: { kind: 'time', micros: header.time } }),
    );
  }
  for (let run = 0; run < RUNS; run += 1) {
    const history = signedSnapshotHistory(random, random.integer(10, 60));
    bundles.push(await bundleOf(run % 2 === 0 ? history : withoutErased(history)));
  }
  for (let run = 0; run < RUNS; run += 1)
    bundles.push(await bundleOf(withoutErased(signedHostileHistory(random, random.integer(1, 60), ERASING_HABITS))));
  for (let run = 0; run < RUNS; run += 1)
    bundles.push(await bundleOf(withoutErased(signedAgain(partialLives(random, random.integer(5, 30))))));
  for (const rotations of [20, 161]) bundles.push(await bundleOf(rotatedHistory(rotations)));
  return bundles;
};

describe.skipIf(!PYTHON)('the second implementation, in Python (skipped where there is none)', () => {
  test('computes the same state from many hostile histories, at any moment', { timeout: 120_000 }, async () => {
    const bundles = await histories();
    const ours = bundles.map((bundle) => verifyBundle(bundle));
    const theirs = secondReading(bundles, ['--no-signatures']);
    for (const [at, { root, fault }] of ours.entries()) {
      expect(fault, REPEAT).toBeUndefined();
      expect(theirs[at], `${REPEAT} bundle ${at}`).toBe(`sound ${root ?? ''}`);
    }
    // The histories must be worth it.
    const count = (of: 'policies' | 'void' | 'equivocations'): number =>
      ours.reduce((sum, { checked }) => sum + (checked?.[of] ?? 0), 0);
    expect(count('policies')).toBeGreaterThan(RUNS);
    expect(count('void')).toBeGreaterThan(RUNS);
    expect(count('equivocations')).toBeGreaterThan(0);
  });

  test('finds what whoever exports has changed', { timeout: 120_000 }, async () => {
    const history = witnessedHistory(5);
    const by = NODE;
    const size = history.length;
    const receipts = await receiptsOf(history, by, [{ size, cosigned: [[WITNESS, 1_700_000_000]] }]);
    const bundle = await bundleOf(history, { by, receipts });
    const edit =
      (file: RegExp, before: RegExp | string, after: string) =>
      (files: TarFile[]): TarFile[] =>
        files.map(({ name, bytes }) => ({
          name,
          bytes: file.test(name)
            ? Buffer.from(Buffer.from(bytes).toString('latin1').replace(before, after), 'latin1')
            : bytes,
        }));
    const last = history.at(-1)!;
    const stem = `entries/${last.header.seq}.${last.header.author}`;
    const foreign = Buffer.from(signWith(WITNESS, last.raw.header)).toString('latin1');
    const changes = [
      edit(/^state.json$/, /"root":"./, '"root":"x'),
      edit(/^state.json$/, /"entries":\d+/, '"entries":7'),
      edit(/^state.json$/, '"state":"off"', '"state":"on"'),
      edit(/^state.json$/, '"void":[]', `"void":["${last.hash}"]`),
      edit(/^state.json$/, '"v":1,', '"v":1,"very":1,'),
      edit(/^query.json$/, /"network":"[^"]*"/, `"network":"${last.hash}"`),
      edit(/\.body$/, '"name"', '"nume"'),
      edit(/\.json$/, '"v":1', '"v":2'),
      (files: TarFile[]) => files.filter(({ name }) => !name.startsWith(stem)),
      (files: TarFile[]) => files.map((file) => ({ ...file, name: file.name.replace(stem, `${stem}-2x`) })),
      (files: TarFile[]) => files.filter(({ name }) => name !== 'state.json'),
      edit(/^receipts$/, /^.{65}/s, ''),
      edit(/^receipts$/, /^./, 'x'),
      edit(/^checkpoint$/, `\n${size}\n`, `\n${size - 1}\n`),
      edit(new RegExp(`^${stem}\\.sig$`), /^.*$/s, foreign),
    ];
    const changed = changes.map((change) => remade(bundle, change, by));
    const said = secondReading([bundle, ...changed], []);
    expect(said[0]).toMatch(/^sound [0-9a-f]{64}$/);
    for (const [at, each] of changed.entries()) {
      expect(verifyBundle(each).sound, `change ${at}`).toBe(false);
      expect(said[at + 1], `change ${at}`).toMatch(/^fault /);
    }
    expect(said.at(-1)).toContain('signature');
  });
});
