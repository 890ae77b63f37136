import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { BUNDLE_ENTRIES_MAX } from '../../../src/base/limits.ts';
import type { ReceiptSource } from '../../../src/bundle/gather-receipts.ts';
import { shownSize } from '../../../src/bundle/receipts.ts';
import type { BundleReport } from '../../../src/bundle/report.ts';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { readTar, type TarFile } from '../../../src/codec/tar.ts';
import { cosign, readCheckpoint, signCheckpoint } from '../../../src/receipt/checkpoint.ts';
import { archiveOf, bundleOf, NODES, receiptsOf, remade, STRANGER, witnessedHistory } from '../../support/bundles.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const REPEAT = `HOLDFAST_SEED=${SEED}`;
const BIT_CHANGES = 1_000;
const random = createSeededRandom(SEED);
const isThere = (program: string, argument: string): boolean => spawnSync(program, [argument]).status === 0;
const TOOLS = isThere('sha256sum', '--version') && isThere('openssl', 'version');

const [NODE, FIRST, SECOND, THIRD] = NODES as [
  (typeof NODES)[0],
  (typeof NODES)[0],
  (typeof NODES)[0],
  (typeof NODES)[0],
];
const history = witnessedHistory();
const SIZE = history.length;
const pump = history.filter(({ header }) => header.id === 'pump1').map(({ hash }) => hash);

const SKETCHES = [
  { size: 4, cosigned: [[FIRST, 1_700_000_100]] },
  {
    size: 6,
    cosigned: [
      [SECOND, 1_700_000_205],
      [FIRST, 1_700_000_200],
      [STRANGER, 1_600_000_000],
    ],
  },
  { size: 7 },
  { size: SIZE, cosigned: [[SECOND, 1_700_000_300]] },
  {
    size: SIZE,
    cosigned: [
      [FIRST, 1_700_000_300],
      [THIRD, 1_700_000_290],
    ],
  },
] as const;
const source = await receiptsOf(history, NODE, SKETCHES);
const bundle = await bundleOf(history, { by: NODE, receipts: source });

const fileOf = (archive: Uint8Array, name: string): Uint8Array =>
  readTar(archive, 10_000).find((file) => file.name === name)!.bytes;
const textOf = (archive: Uint8Array, name: string): string => Buffer.from(fileOf(archive, name)).toString();
const sound = (report: BundleReport): BundleReport => {
  expect(report.fault).toBeUndefined();
  return report;
};

describe('the receipts in a bundle', () => {
  test('say what the node had at the latest when, by the word of registered nodes', () => {
    const { receipts } = sound(verifyBundle(bundle));
    expect(receipts).toMatchObject({
      size: SIZE,
      later: 0,
      witnesses: [
        { witness: THIRD.author, time: 1_700_000_290 },
        { witness: FIRST.author, time: 1_700_000_300 },
      ],
    });
    expect(receipts?.origin).toBe(`holdfast/${history[0]!.hash}/${NODE.author}/0123456789abcdef`);
  });

  test('prove the entries that the answer comes from, each in the first witnessed checkpoint that covers it', async () => {
    const { receipts } = sound(verifyBundle(await bundleOf(history, { by: NODE, receipts: source, id: 'pump1' })));
    const early = [
      { witness: FIRST.author, time: 1_700_000_200 },
      { witness: SECOND.author, time: 1_700_000_205 },
    ];
    // The first update gave nothing that stands.
    expect(receipts?.proofs).toEqual([
      { entry: pump[0], index: 5, witnesses: early },
      { entry: pump[2], index: 7, witnesses: [{ witness: SECOND.author, time: 1_700_000_300 }] },
    ]);
    const all = sound(verifyBundle(bundle)).receipts?.proofs;
    expect(all?.map(({ index }) => index)).toEqual([1, 2, 3, 4, 5, 7]);
    expect(all?.[0]?.witnesses).toEqual([{ witness: FIRST.author, time: 1_700_000_100 }]);
  });

  test('are in the files that tools of others read', () => {
    expect(textOf(bundle, 'receipts')).toBe(history.map(({ hash }) => `${hash}\n`).join(''));
    expect(readCheckpoint(textOf(bundle, 'checkpoint')).size).toBe(SIZE);
    const lines = textOf(bundle, 'policy.txt').trimEnd().split('\n');
    expect(lines[0]).toMatch(/^log holdfast\/[^+ ]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/);
    const keys = [FIRST, SECOND, THIRD].map(({ author }) => author).sort();
    expect(lines.slice(1, 4).map((line) => line.split(' ').slice(0, 2))).toEqual(keys.map((key) => ['witness', key]));
    expect(lines.slice(4)).toEqual([`group witnesses any ${keys.join(' ')}`, 'quorum witnesses']);
    expect(textOf(bundle, 'HOWTO.txt')).toContain('sort receipts');
  });

  test('count for what they cover: entries that came later, and a checkpoint that nobody cosigned', async () => {
    const later = await receiptsOf(history, NODE, [{ size: SIZE - 2 }]);
    const archive = await bundleOf(history, { by: NODE, receipts: later });
    expect(sound(verifyBundle(archive)).receipts).toMatchObject({ size: SIZE - 2, later: 2, witnesses: [] });
    expect(textOf(archive, 'policy.txt')).toMatch(/^log \S+\nquorum none\n$/);
    const byStranger = await receiptsOf(history, NODE, [{ size: SIZE, cosigned: [[STRANGER, 1_700_000_000]] }]);
    expect(sound(verifyBundle(await bundleOf(history, { by: NODE, receipts: byStranger }))).receipts).toMatchObject({
      witnesses: [],
    });
  });

  test('are missing where the node has none yet, and it says so', async () => {
    const archive = await bundleOf(history, { by: NODE });
    expect(sound(verifyBundle(archive)).receipts).toBeUndefined();
    expect(textOf(archive, 'HOWTO.txt')).toContain('it had signed no checkpoint');
  });

  test('count registered nodes by all entries, also where an earlier moment is asked for', async () => {
    const moment = { kind: 'time', micros: history[0]!.header.time } as const;
    const { receipts } = sound(verifyBundle(await bundleOf(history, { by: NODE, receipts: source, moment })));
    expect(receipts?.witnesses).toHaveLength(2);
  });

  test('show that from any number of checkpoints: a bundle may have as many proofs as entries', () => {
    const checkpoint = readCheckpoint(textOf(bundle, 'checkpoint'));
    const many = Array.from({ length: BUNDLE_ENTRIES_MAX }, (_, at) => ({ ...checkpoint, size: at % (SIZE + 1) }));
    const registered = new Set([FIRST.author]);
    expect(shownSize(many, registered, 1_700_000_300_000_000)).toBe(SIZE);
    expect(shownSize(many, registered, 1_700_000_299_999_999)).toBe(0);
    expect(shownSize([], registered, 1_700_000_300_000_000)).toBe(0);
  });

  test('show what was there by a stated time, and not what its author dates back to it', async () => {
    const unshown = async (micros: number, receipts?: ReceiptSource): Promise<number | undefined> => {
      const moment = { kind: 'time', micros } as const;
      return sound(verifyBundle(await bundleOf(history, { by: NODE, moment, ...(receipts && { receipts }) }))).unshown;
    };
    const last = history.at(-1)!.header.time;
    expect(await unshown(last)).toBe(SIZE);
    expect(await unshown(last, source)).toBe(SIZE);
    expect(await unshown(1_700_000_100_000_000 - 1, source)).toBe(SIZE);
    expect(await unshown(1_700_000_100_000_000, source)).toBe(SIZE - 4);
    expect(await unshown(1_700_000_204_999_999, source)).toBe(SIZE - 6);
    expect(await unshown(1_700_000_300_000_000, source)).toBe(0);
    expect(sound(verifyBundle(bundle)).unshown).toBeUndefined();
    const archive = await bundleOf(history, { by: NODE, moment: { kind: 'time', micros: last } });
    expect(textOf(archive, 'HOWTO.txt')).toContain('could date an entry back');
    expect(sound(verifyBundle(archive)).ownHowTo).toBe(true);
  });

  test('of a long log prove the newest entries only, over many tiles', async () => {
    const long = witnessedHistory(1_050);
    const receipts = await receiptsOf(long, NODE, [
      { size: 700, cosigned: [[FIRST, 1_700_000_100]] },
      { size: long.length, cosigned: [[SECOND, 1_700_000_200]] },
    ]);
    const { receipts: found } = sound(verifyBundle(await bundleOf(long, { by: NODE, receipts })));
    expect(found?.proofs).toHaveLength(1_000);
    expect(found?.proofs.at(-1)).toMatchObject({ index: long.length - 1 });
    expect(new Set(found?.proofs.map(({ witnesses }) => witnesses[0]?.time)).size).toBe(2);
  });
});

describe('an export', () => {
  const fails = (receipts: ReceiptSource, code: string): Promise<void> =>
    expect(bundleOf(history, { by: NODE, receipts })).rejects.toThrow(expect.objectContaining({ code }) as Error);

  test('is refused where the node has signed for an entry that it does not hold', async () => {
    await expect(bundleOf(history.slice(0, -1), { by: NODE, receipts: source })).rejects.toThrow(
      expect.objectContaining({ code: 'BUNDLE_ENTRY_MISSING' }) as Error,
    );
  });

  test('is refused where another log was begun while it was made', async () => {
    const other = await receiptsOf([history[0]!, ...history.slice(2), history[1]!], NODE, SKETCHES);
    await fails({ ...source, entries: other.entries }, 'RECEIPT_PROOF_BAD');
    await fails({ ...source, witnessedFrom: other.witnessedFrom }, 'RECEIPT_PROOF_BAD');
  });
});

describe(`each of ${BIT_CHANGES} changes of one bit`, () => {
  const files = readTar(bundle, 10_000).filter(({ name }) => name !== 'MANIFEST.sig');
  const changeOf = (bytes: Uint8Array): Buffer => {
    const at = random.integer(0, bytes.byteLength * 8 - 1);
    const changed = Buffer.from(bytes);
    changed[at >> 3]! ^= 1 << (at & 7);
    return changed;
  };

  test('is caught, in the archive and in each file about receipts', () => {
    for (let change = 0; change < BIT_CHANGES; change += 1) {
      const isAbout = change % 2 === 1;
      const of = random.pick(files.filter(({ name }) => /^(receipts|checkpoint|policy.txt|proofs.*)$/.test(name)));
      const changed = isAbout
        ? archiveOf(
            readTar(bundle, 10_000).map((file) =>
              file.name === of.name ? { ...file, bytes: changeOf(file.bytes) } : file,
            ),
          )
        : changeOf(bundle);
      const { fault } = verifyBundle(changed);
      expect(fault?.file, REPEAT).toBeTruthy();
      if (isAbout) expect(fault, REPEAT).toMatchObject({ file: of.name, rule: 'manifest' });
    }
  });

  test.skipIf(!TOOLS)('is caught by sha256sum and openssl alone (skipped where one of them is missing)', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-bits-'));
    try {
      const all = readTar(bundle, 10_000);
      const hashes = new Map(
        textOf(bundle, 'MANIFEST')
          .split('\n')
          .map((line) => [line.slice(66), line.slice(0, 64)]),
      );
      const list: string[] = [];
      for (const { name, bytes } of all) await writeFile(join(dir, name.replace('/', '-')), bytes);
      const key = `keys-${NODE.author}.pem`;
      const isSigned = (manifest: string, signature: string): boolean =>
        spawnSync(
          'openssl',
          ['pkeyutl', '-verify', '-pubin', '-inkey', key, '-rawin', '-in', manifest, '-sigfile', signature],
          { cwd: dir },
        ).status === 0;
      expect(isSigned('MANIFEST', 'MANIFEST.sig')).toBe(true);
      for (let change = 0; change < BIT_CHANGES; change += 1) {
        // A process of openssl for each of the latter.
        const { name, bytes } = random.pick(all.filter((file) => file.name.startsWith('MANIFEST') === change % 25 < 1));
        await writeFile(join(dir, `${change}`), changeOf(bytes));
        const hash = hashes.get(name);
        if (hash !== undefined) list.push(`${hash}  ${change}\n`);
        else if (name === 'MANIFEST') expect(isSigned(`${change}`, 'MANIFEST.sig'), REPEAT).toBe(false);
        else expect(isSigned('MANIFEST', `${change}`), REPEAT).toBe(false);
      }
      await writeFile(join(dir, 'list'), list.join(''));
      const { stdout } = spawnSync('sha256sum', ['-c', 'list'], { cwd: dir, encoding: 'utf8' });
      expect(stdout.match(/: FAILED$/gm)?.length, REPEAT).toBe(list.length);
      expect(list).toHaveLength(BIT_CHANGES - BIT_CHANGES / 25);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe('what an exporter cannot do', () => {
  const origin = readCheckpoint(textOf(bundle, 'checkpoint')).origin;
  const set =
    (name: string, content: (before: string) => string) =>
    (files: TarFile[]): TarFile[] =>
      files.map((file) =>
        file.name === name ? { name, bytes: Buffer.from(content(Buffer.from(file.bytes).toString())) } : file,
      );
  const proof = `proofs/${pump[0] ?? ''}.tlog-proof`;
  const head = { size: SIZE, root: readCheckpoint(textOf(bundle, 'checkpoint')).root };
  const cosignedBy = (note: string, witness: typeof FIRST, time: number): string =>
    note + cosign(witness, origin, readCheckpoint(note).text, time);

  const cases: readonly (readonly [string, (files: TarFile[]) => TarFile[], string, string])[] = [
    [
      'change the order',
      set('receipts', (text) => text.split('\n').slice(0, -1).reverse().join('\n') + '\n'),
      'receipts',
      'receipts',
    ],
    ['name an entry twice', set('receipts', (text) => text + text.slice(0, 65)), 'receipts', 'receipts'],
    ['write the hashes otherwise', set('receipts', (text) => text.toUpperCase()), 'receipts', 'receipts'],
    [
      'write what is no text',
      (files) => files.map((file) => (file.name === 'receipts' ? { ...file, bytes: Buffer.of(255, 10) } : file)),
      'receipts',
      'receipts',
    ],
    [
      'show a checkpoint of another node',
      set('checkpoint', () => signCheckpoint(FIRST, { ...origin, node: FIRST.author }, head)),
      'checkpoint',
      'checkpoint',
    ],
    [
      'show one of another network',
      set('checkpoint', () => signCheckpoint(NODE, { ...origin, network: 'a'.repeat(64) }, head)),
      'checkpoint',
      'checkpoint',
    ],
    [
      'show one that its node did not sign',
      set('checkpoint', (note) => note.replace(`\n${SIZE}\n`, `\n${SIZE - 1}\n`)),
      'checkpoint',
      'checkpoint',
    ],
    [
      'date a cosignature back',
      set(
        'checkpoint',
        (note) =>
          cosignedBy(signCheckpoint(NODE, origin, head), STRANGER, 1) +
          note.split('\n').slice(5, 6).join('\n').slice(0, -3) +
          'A==\n',
      ),
      'checkpoint',
      'checkpoint',
    ],
    [
      'sign another history',
      set('checkpoint', () => signCheckpoint(NODE, origin, { size: SIZE, root: Buffer.alloc(32, 1) })),
      'receipts',
      'receipts',
    ],
    ['leave out the list', (files) => files.filter(({ name }) => name !== 'receipts'), 'receipts', 'receipts'],
    [
      'leave out the checkpoint',
      (files) => files.filter(({ name }) => name !== 'checkpoint'),
      'receipts',
      'checkpoint',
    ],
    ['leave out the policy', (files) => files.filter(({ name }) => name !== 'policy.txt'), 'receipts', 'policy.txt'],
    [
      'leave proofs without a checkpoint',
      (files) => files.filter(({ name }) => !/^(receipts|checkpoint|policy.txt)$/.test(name)),
      'receipts',
      'checkpoint',
    ],
    [
      'name other witnesses',
      set('policy.txt', (text) => text.replaceAll(FIRST.author, SECOND.author)),
      'policy',
      'policy.txt',
    ],
    [
      'ask for fewer',
      set('policy.txt', (text) => text.replace(/group.*\nquorum.*/, 'quorum none')),
      'policy',
      'policy.txt',
    ],
    [
      'count a stranger',
      set('checkpoint', (note) => cosignedBy(note, STRANGER, 5)),
      'key',
      `keys/${STRANGER.author}.pem`,
    ],
    ['prove another entry', set(proof, () => textOf(bundle, `proofs/${pump[2] ?? ''}.tlog-proof`)), 'proof', proof],
    ['prove it at another place', set(proof, (text) => text.replace('index 5', 'index 4')), 'proof', proof],
    ['prove by a checkpoint that nobody signed', set(proof, (text) => text.replace('\n6\n', '\n7\n')), 'proof', proof],
    [
      'prove by a checkpoint of another history',
      set(proof, (text) => {
        const root = Buffer.from(textOf(bundle, 'receipts').split('\n')[5] ?? '', 'hex');
        const note = signCheckpoint(NODE, origin, { size: 1, root });
        return text.startsWith('c2sp') ? `c2sp.org/tlog-proof@v1\nindex 0\n\n${note}` : '';
      }),
      'proof',
      proof,
    ],
  ];
  test('leave out the newest entry of a log that nothing names', async () => {
    const short = await bundleOf(history.slice(0, -1), { by: NODE });
    sound(verifyBundle(short));
    const others = [FIRST, SECOND, THIRD].map(({ author }) => `keys/${author}.pem`);
    const withReceipts = (change: (files: TarFile[]) => TarFile[]): Uint8Array =>
      remade(
        short,
        (files) => [
          ...files.filter(({ name }) => !others.includes(name)),
          ...change([...readTar(bundle, 10_000)]).filter(
            ({ name }) => /^(receipts|checkpoint|policy.txt|proofs.*)$/.test(name) || others.includes(name),
          ),
        ],
        NODE,
      );
    const leftOut = {
      rule: 'receipts',
      file: 'receipts',
      text: expect.stringContaining('not in the bundle') as string,
    };
    expect(verifyBundle(withReceipts((files) => files)).fault).toMatchObject(leftOut);
    const unnamed = set('receipts', (text) => text.replace(`${pump[2] ?? ''}\n`, ''));
    expect(verifyBundle(withReceipts(unnamed)).fault).toMatchObject({
      ...{ rule: 'receipts', file: 'receipts' },
      text: expect.stringContaining('not the 8 entries') as string,
    });
  });

  test.each(cases)('%s', (_, change, rule, file) => {
    const changed = remade(
      bundle,
      (files) => change(rule === 'key' ? [...files, { name: file, bytes: Buffer.from('x') }] : files),
      NODE,
    );
    expect(verifyBundle(changed).fault).toMatchObject({ rule, file });
  });
});
