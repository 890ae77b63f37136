import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import { bundleOf, NODES, receiptsOf, remade, STRANGER, witnessedHistory } from '../../support/bundles.ts';
import { followHowTo, HOW_TO_TOOLS } from '../../support/how-to.ts';

const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;
const PROGRAM = fileURLToPath(new URL('../../../scripts/audit/verify.py', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'holdfast-known-'));
afterAll(() => rmSync(dir, { recursive: true }));

const [NODE, OTHER, FIRST] = NODES as [(typeof NODES)[0], (typeof NODES)[0], (typeof NODES)[0]];
const history = witnessedHistory();
/** The pump was inserted, and not changed yet. */
const SIZE = 6;
const AT = 1_700_000_200;
const seconds = (value: number): number => value * 1_000_000;

/** What another node had, and who says so. */
const knownBy = async (cosigned: readonly (readonly [typeof NODE, number])[]) => {
  const { checkpoint } = await receiptsOf(history, OTHER, [{ size: SIZE, cosigned }]);
  return { checkpoint, entries: history.slice(0, SIZE).map(({ hash }) => hash) };
};
const momentAt = (time: number) => ({ kind: 'known', node: OTHER.author, micros: seconds(time) }) as const;
const receipts = await receiptsOf(history, NODE, [{ size: history.length, cosigned: [[FIRST, AT + 50]] }]);
const known = await knownBy([
  [STRANGER, AT - 50],
  [FIRST, AT],
]);
const bundle = await bundleOf(history, { by: NODE, receipts, moment: momentAt(AT + 10), known });

const secondReading = (bytes: Uint8Array): string => {
  const file = join(dir, 'bundle.tar');
  writeFileSync(file, bytes);
  return spawnSync('python3', [PROGRAM, file], { encoding: 'utf8' }).stdout.split('\t').slice(1).join(' ').trim();
};

test('a bundle proves what another node knew at a time, and the policies that followed', async () => {
  const report = verifyBundle(bundle);
  expect(report.fault).toBeUndefined();
  expect(report.known).toMatchObject({
    node: OTHER.author,
    size: SIZE,
    witnesses: [{ witness: FIRST.author, time: AT }],
  });
  const then = { kind: 'time', micros: history[SIZE - 1]!.header.time } as const;
  expect(report.root).toBe(verifyBundle(await bundleOf(history, { by: NODE, moment: then })).root);
  expect(report.root).not.toBe(verifyBundle(await bundleOf(history, { by: NODE })).root);
  if (PYTHON) expect(secondReading(bundle)).toBe(`sound ${report.root ?? ''}`);
});

test.skipIf(!HOW_TO_TOOLS)('its HOWTO says by whose word, with openssl alone (skipped where that is missing)', () => {
  const file = join(dir, 'known.tar');
  writeFileSync(file, bundle);
  mkdirSync(join(dir, 'unpacked'));
  const steps = followHowTo(file, join(dir, 'unpacked'));
  const about = steps.filter(({ command }) => command.includes('known/'));
  expect(about.map(({ said }) => said.trim().split('\n')[0])).toEqual(['', '', `keys/${FIRST.author}.pem`]);
  expect(about[2]?.said).toContain('Signature Verified Successfully');
  expect(steps.filter(({ said }) => said.includes('Failure'))).toEqual([]);
});

test('what is not proven by then, or is another list, is a fault for both readers', async () => {
  const exported = (time: number, by: Awaited<ReturnType<typeof knownBy>> | undefined) =>
    bundleOf(history, { by: NODE, receipts, moment: momentAt(time), known: by });
  const edited = (of: string, before: RegExp, after: string) =>
    remade(
      bundle,
      (files) =>
        files.map(({ name, bytes }) => ({
          name,
          bytes: name === of ? Buffer.from(Buffer.from(bytes).toString().replace(before, after)) : bytes,
        })),
      NODE,
    );
  const doubled = [...history.slice(0, SIZE), history[SIZE - 1]!];
  const twice = {
    ...(await receiptsOf(doubled, OTHER, [{ size: doubled.length, cosigned: [[FIRST, AT]] }])),
    entries: doubled.map(({ hash }) => hash),
  };
  const namesTwice = await exported(AT, twice);
  const wrong: readonly (readonly [string, Uint8Array])[] = [
    ['known', await exported(AT - 1, await knownBy([[FIRST, AT]]))],
    ['receipts', await exported(AT, { ...known, entries: known.entries.slice(1) })],
    ['receipts', edited('known/receipts', /^.{65}/s, '')],
    ['receipts', namesTwice],
    ['checkpoint', edited('known/checkpoint', /\n6\n/, '\n5\n')],
    ['checkpoint', edited('query.json', new RegExp(`"node":"${OTHER.author}"`), `"node":"${FIRST.author}"`)],
    ['receipts', remade(bundle, (files) => files.filter(({ name }) => !name.startsWith('known/')), NODE)],
    ['known', edited('query.json', /"moment":\{[^}]*\}/, `"moment":{"time":${seconds(AT)}}`)],
  ];
  for (const [at, [rule, bytes]] of wrong.entries()) {
    expect(verifyBundle(bytes), `change ${at}`).toMatchObject({ sound: false, fault: { rule } });
    if (PYTHON) expect(secondReading(bytes), `change ${at}`).toMatch(/^fault /);
  }
  if (PYTHON) expect(secondReading(namesTwice)).toBe('fault Fault: the receipts name an entry twice');
  // The word of who is not registered counts for nothing.
  const byStranger = await exported(AT, await knownBy([[STRANGER, AT - 50]]));
  expect(verifyBundle(byStranger)).toMatchObject({ sound: false, fault: { rule: 'known' } });
  if (PYTHON)
    expect(secondReading(byStranger)).toBe('fault Fault: no node whose word counts has cosigned that by then');
});
