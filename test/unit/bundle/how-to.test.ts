import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { TarFile } from '../../../src/codec/tar.ts';
import { publicKeyPem, signWith } from '../../../src/entry/keys.ts';
import { bundleOf, NODES, remade, STRANGER, witnessedHistory } from '../../support/bundles.ts';
import { followHowTo, HOW_TO_TOOLS } from '../../support/how-to.ts';

const dir = mkdtempSync(join(tmpdir(), 'holdfast-how-to-'));
afterAll(() => rmSync(dir, { recursive: true }));

const [EXPORTER, AUTHOR] = NODES as [(typeof NODES)[0], (typeof NODES)[0]];
const history = witnessedHistory();
let bundle: Buffer;
beforeAll(async () => {
  bundle = await bundleOf(history, { by: EXPORTER });
});

/** All that the lists of what must not be there print, one line each. */
const printed = (archive: Uint8Array, name: string): readonly string[] => {
  const file = join(dir, `${name}.tar`);
  const unpacked = join(dir, name);
  writeFileSync(file, archive);
  mkdirSync(unpacked);
  return followHowTo(file, unpacked)
    .filter(({ command }) => command.startsWith('for '))
    .flatMap(({ said }) => said.split('\n').filter((line) => line !== ''));
};

const changed = (change: (file: TarFile) => TarFile): Buffer => remade(bundle, (files) => files.map(change), EXPORTER);

describe.skipIf(!HOW_TO_TOOLS)('HOWTO.txt finds with openssl alone (skipped where that is missing)', () => {
  test('nothing in a bundle as it was exported', () => {
    expect(printed(bundle, 'sound')).toEqual([]);
  });

  test('a key file that holds the key of somebody else, who then signs in the name of its author', () => {
    const key = `keys/${AUTHOR.author}.pem`;
    const forged = changed(({ name, bytes }) => ({
      name,
      bytes: name === key ? Buffer.from(publicKeyPem(STRANGER.author)) : bytes,
    }));
    expect(printed(forged, 'key')).toContain(key);
  });

  test('an entry that is filed under the name of who signed it, and not of its author', () => {
    const mine = `entries/9.${AUTHOR.author}`;
    const { raw, header } = history.find((entry) => entry.header.author === EXPORTER.author)!;
    const stem = `entries/${header.seq}.${header.author}`;
    const forged = remade(
      bundle,
      (files) =>
        files.map((file) =>
          file.name === `${stem}.sig`
            ? { name: `${mine}.sig`, bytes: signWith(AUTHOR, raw.header) }
            : { name: file.name.replace(stem, mine), bytes: file.bytes },
        ),
      EXPORTER,
    );
    expect(printed(forged, 'name')).toEqual([`${mine}.json`]);
  });
});
