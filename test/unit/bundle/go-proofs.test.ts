import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { readTar } from '../../../src/codec/tar.ts';
import { bundleOf, NODES, receiptsOf, remade, STRANGER, witnessedHistory } from '../../support/bundles.ts';

const PROGRAM = fileURLToPath(new URL('../../../scripts/audit/proofs.go', import.meta.url));
/** Where Debian's golang-golang-x-mod-dev puts its packages. */
const GOPATH = '/usr/share/gocode';
const GO = existsSync(join(GOPATH, 'src/golang.org/x/mod/sumdb')) && spawnSync('go', ['version']).status === 0;

const [NODE, FIRST, SECOND] = NODES as [(typeof NODES)[0], (typeof NODES)[0], (typeof NODES)[0]];
const dir = mkdtempSync(join(tmpdir(), 'holdfast-go-'));
afterAll(() => rmSync(dir, { recursive: true }));

let made = 0;
const unpacked = (
  bundle: Uint8Array,
  change: (name: string, content: string) => string = (_, same) => same,
): string => {
  const target = join(dir, `${(made += 1)}`);
  for (const { name, bytes } of readTar(bundle, 10_000)) {
    mkdirSync(dirname(join(target, name)), { recursive: true });
    const changed = change(name, Buffer.from(bytes).toString('latin1'));
    writeFileSync(join(target, name), Buffer.from(changed, 'latin1'));
  }
  return target;
};

describe.skipIf(!GO)(
  'Go’s sumdb/note and sumdb/tlog (skipped where golang-go and golang-golang-x-mod-dev are missing)',
  () => {
    test(
      'verify checkpoint, cosignatures, receipts and proofs of a bundle, and find what was changed',
      { timeout: 120_000 },
      async () => {
        const history = witnessedHistory(300);
        const size = history.length;
        const receipts = await receiptsOf(history, NODE, [
          { size: 5, cosigned: [[FIRST, 1_700_000_000]] },
          { size: 280, cosigned: [[SECOND, 1_700_000_100]] },
          {
            size,
            cosigned: [
              [FIRST, 1_700_000_200],
              [SECOND, 1_700_000_201],
              [STRANGER, 1_700_000_202],
            ],
          },
        ]);
        const bundle = await bundleOf(history, { by: NODE, receipts });
        const alone = await receiptsOf(history, NODE, [{ size: 7 }]);
        const of =
          (file: string | RegExp, edit: (content: string) => string) =>
          (name: string, content: string): string =>
            (typeof file === 'string' ? file === name : file.test(name)) ? edit(content) : content;
        const other = history[20]!.hash;
        const dirs = [
          unpacked(bundle),
          unpacked(await bundleOf(history, { by: NODE, receipts: alone })),
          unpacked(
            bundle,
            of('receipts', (text) => text.slice(65) + text.slice(0, 65)),
          ),
          unpacked(
            bundle,
            of('checkpoint', (note) => note.replace(`\n${size}\n`, `\n${size - 1}\n`)),
          ),
          unpacked(
            bundle,
            of('checkpoint', (note) => note.split('\n').slice(0, 5).join('\n') + '\n'),
          ),
          unpacked(
            bundle,
            of('policy.txt', (text) => text.replace(/^log \S{20}/, (log) => log.slice(0, -1) + '0')),
          ),
          unpacked(
            bundle,
            of(`proofs/${other}.tlog-proof`, (text) => text.replace('index 20', 'index 21')),
          ),
          unpacked(
            bundle,
            of(`proofs/${other}.tlog-proof`, (text) => text.replace(/\n[A-Za-z0-9+/]{43}=\n/, '\n')),
          ),
        ];
        // Whose policy is gone counts no more, and each verifier has to say the same of what it cosigned alone.
        const [one, two] = [1_700_000_000, 1_700_000_100];
        const sources = [
          [
            { size: 5, cosigned: [[STRANGER, one]] },
            { size: 290, cosigned: [[SECOND, two]] },
            { size, cosigned: [[STRANGER, two]] },
          ],
          [
            { size: 5, cosigned: [[STRANGER, one]] },
            { size, cosigned: [[SECOND, two]] },
          ],
          [{ size, cosigned: [[STRANGER, one]] }],
        ] as const;
        const ofStrangers = await Promise.all(
          sources.map(async (sketches) =>
            bundleOf(history, { by: NODE, receipts: await receiptsOf(history, NODE, sketches) }),
          ),
        );
        const blank = remade(
          bundle,
          (files) =>
            files.map(({ name, bytes }) => ({
              name,
              bytes: name === 'checkpoint' ? Buffer.concat([bytes, Buffer.from('— a\u0085b AAAAAAA=\n')]) : bytes,
            })),
          NODE,
        );
        // A log that shows two histories has signed a tree for each, and found who cosigns both.
        const turned = [history[0]!, ...history.slice(1).reverse()];
        const split = await bundleOf(turned, {
          by: NODE,
          receipts: await receiptsOf(turned, NODE, [{ size, cosigned: [[FIRST, one]] }]),
        });
        const proof = `proofs/${other}.tlog-proof`;
        const ofOther = readTar(split, 10_000).find(({ name }) => name === proof)!;
        const mixed = remade(bundle, (files) => files.map((file) => (file.name === proof ? ofOther : file)), NODE);
        const judged = [...ofStrangers, blank, mixed];
        dirs.push(...judged.map((each) => unpacked(each)));
        const environment = { ...process.env, GO111MODULE: 'off', GOPATH, GOCACHE: join(dir, 'cache'), GOFLAGS: '' };
        const { stdout, stderr } = spawnSync('go', ['run', PROGRAM, ...dirs], { encoding: 'utf8', env: environment });
        const said = stdout
          .trimEnd()
          .split('\n')
          .map((line) => line.split('\t')[1]);
        expect(said.slice(0, 2), stderr).toEqual([
          // Of the 308 entries all but genesis and one update give something that stands; those of strangers count for
          // nothing.
          `sound ${size} entries, ${size - 2} proofs, 2 witnesses`,
          'sound 7 entries, 5 proofs, 0 witnesses',
        ]);
        const verdicts = judged.map((each) => (verifyBundle(each).sound ? 'sound' : 'fault'));
        expect(said.slice(8).map((line) => line?.split(' ')[0])).toEqual(verdicts);
        expect(verdicts).toEqual(['sound', 'sound', 'sound', 'fault', 'fault']);
        expect(
          ofStrangers.map((each) => {
            const policy = readTar(each, 10_000).find(({ name }) => name === 'policy.txt');
            return Buffer.from(policy?.bytes ?? [])
              .toString()
              .split('\n')
              .map((line) => line.split(' ')[0]);
          }),
        ).toEqual([
          ['log', 'witness', 'quorum', ''],
          ['log', 'witness', 'group', 'quorum', ''],
          ['log', 'quorum', ''],
        ]);
        expect(said.slice(2, 8).map((line) => line?.split(' ')[0])).toEqual([
          'fault',
          'fault',
          'fault',
          'fault',
          'fault',
          'fault',
        ]);
      },
    );
  },
);
