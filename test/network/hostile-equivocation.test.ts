import { execFile } from 'node:child_process';
import { writeFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { encodeEntries } from '../../src/ledger/sync/messages.ts';
import { HostilePeer } from '../support/hostile-peer.ts';
import { HostileWorld } from '../support/hostile-world.ts';
import { waitFor } from '../support/wait.ts';

const SHOWN_MS = 2_000;

interface Proof {
  readonly author: string;
  readonly seq: number;
  readonly key: string;
  readonly entries: readonly { readonly seq: number; readonly header: string; readonly signature: string }[];
}

let world: HostileWorld | undefined;
let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-equivocation-'));
  world = await HostileWorld.start();
}, 60_000);
afterAll(async () => {
  await world?.close();
  await rm(dir, { recursive: true, force: true });
});

/** Whether openssl finds the signature good. */
const opensslVerifies = async (key: string, header: string, signature: string): Promise<boolean> => {
  const [keyFile, headerFile, signatureFile] = ['key.pem', 'header.json', 'header.sig'].map((name) => join(dir, name));
  await writeFile(keyFile ?? '', key);
  await writeFile(headerFile ?? '', header);
  await writeFile(signatureFile ?? '', Buffer.from(signature, 'base64'));
  const args = [
    'pkeyutl',
    '-verify',
    '-pubin',
    '-inkey',
    keyFile,
    '-rawin',
    '-in',
    headerFile,
    '-sigfile',
    signatureFile,
  ];
  return promisify(execFile)('openssl', args as string[]).then(
    () => true,
    () => false,
  );
};

test('a key that signs two entries with one number is shown everywhere within 2 s, with a proof that openssl checks', async () => {
  const { victim, bystander, topic } = world!;
  const foe = await HostilePeer.connect(victim.facts.listen);
  try {
    const [one, other] = ['one', 'other'].map((id) => world!.entry(foe.key, { id }));
    await foe.gossip(topic, encodeEntries([one!.raw]));
    await waitFor(async () => (await world!.entries(bystander)) === (await world!.entries(victim)));
    await foe.gossip(topic, encodeEntries([other!.raw]));
    const sentMs = performance.now();
    for (const node of [victim, bystander]) {
      await waitFor(async () => (await node.run('get status')).includes('Fault KEY_EQUIVOCATED'), {
        timeoutMs: SHOWN_MS,
      });
      expect(readFileSync(join(node.options.dir, 'node.log'), 'utf8')).toContain('an author equivocated');
    }
    expect(performance.now() - sentMs).toBeLessThan(SHOWN_MS);
    for (const node of [victim, bystander]) {
      const proofs = (await node.json('get equivocations where format = json')) as readonly Proof[];
      expect(proofs).toMatchObject([{ author: foe.key.author, seq: 1 }]);
      const [{ key, entries }] = proofs as readonly [Proof];
      expect(new Set(entries.map(({ header }) => header)).size).toBe(2);
      for (const { header, signature } of entries) {
        expect(JSON.parse(header)).toMatchObject({ author: foe.key.author, seq: 1 });
        expect(await opensslVerifies(key, header, signature)).toBe(true);
        expect(await opensslVerifies(key, header.replace('"seq":1', '"seq":2'), signature)).toBe(false);
      }
      expect(await node.run(`get equivocations where author = ${victim.facts.peer}`)).toContain('No key is known');
    }
  } finally {
    await foe.close();
  }
});
