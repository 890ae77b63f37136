import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { factsIn } from '../../../src/bundle/erased.ts';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { readTar, type TarFile } from '../../../src/codec/tar.ts';
import { type Entry, withoutBody } from '../../../src/entry/entry.ts';
import { signWith } from '../../../src/entry/keys.ts';
import { cosign } from '../../../src/receipt/checkpoint.ts';
import {
  bundleOf,
  NODES,
  receiptsOf,
  remade,
  signedAgain,
  signedHostileHistory,
  signedRevokedErasure,
  signedSnapshotHistory,
  STRANGER,
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

/**
 * What the second implementation says of some bundles, in their order: the state's root, or what is wrong. One process.
 */
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

  test('has the same origin of an attribute that a leaf lacks, whether or not an update came after', async () => {
    const { entries, upToSnapshot } = signedRevokedErasure();
    const bundles: Uint8Array[] = [];
    for (let upTo = upToSnapshot; upTo <= entries.length; upTo += 1)
      bundles.push(await bundleOf(entries.slice(0, upTo)));
    const ours = bundles.map((bundle) => `sound ${verifyBundle(bundle).root ?? ''}`);
    expect(secondReading(bundles, ['--no-signatures'])).toEqual(ours);
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
    const twice = (files: TarFile[]): TarFile[] =>
      files.flatMap((file) =>
        file.name.startsWith(stem) ? [file, { ...file, name: file.name.replace(stem, `${stem}-2`) }] : [file],
      );
    const lacking =
      (...starts: readonly string[]) =>
      (files: TarFile[]): TarFile[] =>
        files.filter(({ name }) => !starts.some((start) => name.startsWith(start)));
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
      (files: TarFile[]) => files.map((file) => ({ ...file, name: file.name.replace(stem, `${stem}-7`) })),
      twice,
      (files: TarFile[]) => edit(/^state.json$/, `"entries":${size}`, `"entries":${size + 1}`)(twice(files)),
      (files: TarFile[]) => [...files, { name: 'notes.txt', bytes: Buffer.from('nobody looks at this') }],
      (files: TarFile[]) => [...files, { name: `${stem}-2.body`, bytes: Buffer.from('{}') }],
      (files: TarFile[]) => files.filter(({ name }) => name !== 'state.json'),
      edit(/^receipts$/, /^.{65}/s, ''),
      edit(/^receipts$/, /^./, 'x'),
      edit(/^checkpoint$/, `\n${size}\n`, `\n${size - 1}\n`),
      ...['receipts', 'checkpoint', 'policy.txt'].flatMap((one) => [lacking(one), lacking(one, 'proofs/')]),
      lacking('receipts', 'checkpoint'),
      lacking('receipts', 'policy.txt'),
      lacking('checkpoint', 'policy.txt'),
      lacking('receipts', 'checkpoint', 'policy.txt'),
      edit(new RegExp(`^${stem}\\.sig$`), /^.*$/s, foreign),
    ];
    const changed = changes.map((change) => remade(bundle, change, by));
    const without = remade(bundle, lacking('receipts', 'checkpoint', 'policy.txt', 'proofs/'), by);
    expect(verifyBundle(without).sound).toBe(true);
    const [whole, bare, ...said] = secondReading([bundle, without, ...changed], []);
    for (const each of [whole, bare]) expect(each).toMatch(/^sound [0-9a-f]{64}$/);
    for (const [at, each] of changed.entries()) {
      expect(verifyBundle(each).sound, `change ${at}`).toBe(false);
      expect(said[at], `change ${at}`).toMatch(/^fault /);
    }
    expect(said.at(-1)).toContain('signature');
  });

  /** A bundle with a cosigned checkpoint, and how whoever exports it would have written another file in its place. */
  const cosignedBundle = async () => {
    const history = witnessedHistory();
    const cosigned = [[WITNESS, 1_700_000_000]] as const;
    const bundle = await bundleOf(history, {
      by: NODE,
      receipts: await receiptsOf(history, NODE, [{ size: history.length, cosigned }]),
    });
    const note = Buffer.from(readTar(bundle, 1_000).find(({ name }) => name === 'checkpoint')!.bytes).toString();
    const withFile = (name: string, bytes: Uint8Array): Buffer =>
      remade(bundle, (files) => files.map((file) => (file.name === name ? { name, bytes } : file)), NODE);
    return { bundle, note, with: withFile, network: history[0]!.hash };
  };

  test('takes and refuses the same signed notes: by C2SP what is of no known key is left alone, and what is must hold', async () => {
    const { bundle, note, with: other, network } = await cosignedBundle();
    const [own = '', cosigned = ''] = note.split('\n').slice(4);
    const [, name = '', encoded = ''] = cosigned.split(' ');
    const bytes = Buffer.from(encoded, 'base64');
    const flipped = (at: number): string =>
      Buffer.from(bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))).toString('base64');
    const lines = (...more: string[]): string => `${note}${more.map((line) => `${line}\n`).join('')}`;
    const foreign = `— example.org/log ${encoded}`;
    const sound = [
      lines(foreign),
      lines(`— ${name} ${flipped(0)}`),
      lines(`— holdfast/${'ab'.repeat(32)}/${STRANGER.author} ${encoded}`),
      lines(
        cosign(
          STRANGER,
          { network, node: NODE.author, incarnation: '' },
          note.slice(0, note.indexOf('\n\n') + 1),
          7,
        ).trimEnd(),
      ),
      lines(...Array.from({ length: 30 }, () => foreign)),
    ];
    const faulty = [
      note.replace(encoded, flipped(bytes.length - 1)),
      note.replace(encoded, flipped(11)),
      note.replace(encoded, bytes.subarray(0, 9).toString('base64')),
      note.replace(
        encoded,
        Buffer.concat([bytes.subarray(0, 4), Buffer.alloc(8, 255), bytes.subarray(12)]).toString('base64'),
      ),
      lines(cosigned),
      lines(own),
      note.replace(`${own}\n${cosigned}`, `${cosigned}\n${own}`),
      note.replace(`${own}\n`, ''),
      note.slice(0, -1),
      `${note}\n`,
      lines('— example.org/log'),
      lines(`- example.org/log ${encoded}`),
      lines(`— example.org/log ${encoded.slice(0, -1)}`),
      lines(`— example.org/log ${encoded.replace(/=*$/, '')}=`),
      lines(`— example.org/log ${bytes.subarray(0, 4).toString('base64')}`),
      ...['+', '\u0085', '\ufeff', '\u00a0', '\t', '\u0001'].map((sign) => lines(`— example${sign}org ${encoded}`)),
      lines(...Array.from({ length: 31 }, () => foreign)),
    ];
    const bundles = [...sound, ...faulty].map((text) => other('checkpoint', Buffer.from(text)));
    const receipts = Buffer.from(readTar(bundle, 1_000).find((file) => file.name === 'receipts')!.bytes);
    bundles.push(
      other('receipts', Buffer.concat([receipts, Buffer.from('ab')])),
      other('receipts', receipts.subarray(0, -1)),
    );
    const said = secondReading(bundles, ['--no-signatures']);
    for (const [at, each] of bundles.entries()) {
      const isSound = at < sound.length;
      expect(verifyBundle(each).fault?.text, `note ${at}`).toEqual(isSound ? undefined : expect.any(String));
      expect(said[at], `note ${at}`).toMatch(isSound ? /^sound / : /^fault /);
    }
  });

  test('judges checkpoints with one byte changed alike, but for what only the first reading looks at', async () => {
    const { note, with: other } = await cosignedBundle();
    const original = Buffer.from(note);
    const bundles = Array.from({ length: 60 }, () => {
      const bytes = Buffer.from(original);
      bytes[random.integer(0, bytes.length - 1)] = random.pick([0x0a, 0x20, 0x2b, 0x3d, 0x41, 0x61, 0x85, 0xa0]);
      return other('checkpoint', bytes);
    });
    const said = secondReading(bundles, ['--no-signatures']);
    for (const [at, each] of bundles.entries()) {
      const { fault } = verifyBundle(each);
      // Who cosigned is named in policy.txt and has its key in the bundle.
      if (fault?.rule !== 'policy' && fault?.rule !== 'keys')
        expect(said[at], `${REPEAT} change ${at}`).toMatch(fault === undefined ? /^sound / : /^fault /);
    }
  });
});

test.runIf(PYTHON)('without a file it says how it is called, and what no tar is', () => {
  const run = (...args: readonly string[]) => spawnSync('python3', [PROGRAM, ...args], { encoding: 'utf8' });
  expect(run()).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('FILE.tar') as string });
  const text = join(dir, 'text');
  writeFileSync(text, '# A text\n'.repeat(200));
  for (const file of [dir, text])
    expect(run(file)).toMatchObject({ status: 1, stdout: `${file}\tfault\tFault: this is no tar bundle\n` });
});
