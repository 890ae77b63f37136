import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createLogger } from '../../../src/base/log.ts';
import { auditLedger } from '../../../src/ledger/audit/audit.ts';
import { openLedger } from '../../../src/ledger/open-ledger.ts';
import { tempDir } from '../../support/temp-dir.ts';

const fixtures = fileURLToPath(new URL('../../../fixtures/ledger', import.meta.url));
const expectedSchema = z.object({ network: z.string(), version: z.string(), size: z.number() });

describe.each(readdirSync(fixtures))('the directory %s of an earlier version', (name) => {
  test.each(['with its index', 'without'])('opens %s, sound, and can be written', async (how) => {
    const dir = tempDir();
    const warnings: string[] = [];
    const log = createLogger(({ level, text }) => {
      if (level !== 'debug' && !text.includes('equivocated')) warnings.push(text);
    });
    cpSync(join(fixtures, name), dir, { recursive: true });
    if (how === 'without') rmSync(join(dir, 'index'), { recursive: true });
    const { network, version, size } = expectedSchema.parse(
      JSON.parse(readFileSync(join(dir, 'expected.json'), 'utf8')),
    );
    const ledger = await openLedger({ dir, seed: new Uint8Array(32).fill(1), log });
    expect({ network: ledger.network, version: ledger.version, size: ledger.size }).toEqual({
      network,
      version,
      size,
    });
    expect(warnings).toEqual(how === 'without' ? ['rebuilding the index from the journal'] : []);
    expect(ledger.equivocations()).toMatchObject([{ seq: 2 }]);
    expect(await auditLedger(ledger)).toMatchObject({ sound: true, checked: { entries: size, authors: 3, void: 2 } });
    ledger.allowAppend();
    const own = await ledger.append({ op: 'delete', type: 'table', id: 'table 1', replaces: null, content: {} });
    expect(own.entry.header.seq).toBe(15);
    await ledger.close();
  });
});
