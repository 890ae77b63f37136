import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { verifyBundle } from '../../../src/bundle/verify.ts';
import type { Entry } from '../../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../../src/entry/keys.ts';
import { NEXT_KEYS } from '../../support/authority-histories.ts';
import { bundleOf, receiptsOf, signedHostileHistory } from '../../support/bundles.ts';
import { POLICY_HABITS } from '../../support/policy-habits.ts';
import { createSeededRandom } from '../../support/seeded-random.ts';
import { COSIGNED_AT, WitnessWorld } from '../../support/witness-world.ts';

const SEED = Number(process.env['HOLDFAST_SEED'] ?? Math.floor(Math.random() * 1e9));
const REPEAT = `HOLDFAST_SEED=${SEED}`;
const RUNS = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 12);
const PYTHON = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 8))']).status === 0;
const PROGRAM = fileURLToPath(new URL('../../../scripts/audit/verify.py', import.meta.url));
const dir = mkdtempSync(join(tmpdir(), 'holdfast-later-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** What the second reading says of some bundles; one process. */
const secondReading = (bundles: readonly Uint8Array[]): readonly string[] => {
  const files = bundles.map((bytes, at) => {
    const file = join(dir, `${at}.tar`);
    writeFileSync(file, bytes);
    return file;
  });
  const { stdout } = spawnSync('python3', [PROGRAM, '--no-signatures', ...files], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split('\t').slice(1).join(' '));
};

const NOBODY = 'fault Fault: no node whose word counts has cosigned that by then';

/** What both say of a bundle: the root of the state, or undefined where nobody's word counts. */
const verdictOn = (bundle: Uint8Array, registered?: boolean): string | undefined => {
  const { root, fault, known } = verifyBundle(bundle);
  if (fault !== undefined) expect(fault.rule, fault.text).toBe('known');
  else expect(known?.witnesses).toMatchObject([registered === undefined ? {} : { registered }]);
  if (PYTHON) expect(secondReading([bundle])).toEqual([fault === undefined ? `sound ${root ?? ''}` : NOBODY]);
  return root;
};

/** A node and its witness, both registered, and what the node had when it was cosigned. */
const witnessed = () => {
  const world = new WitnessWorld();
  const grant = world.admit('w');
  world.register('w');
  world.admit('n');
  world.register('n');
  return { world, grant, had: [...world.entries] };
};

describe('what a node knew stays proven', () => {
  const later: readonly (readonly [string, (given: ReturnType<typeof witnessed>) => unknown])[] = [
    ['the policy of its witness is deleted', ({ world }) => world.unregister('w')],
    [
      'its witness changes its key, twice, and goes',
      ({ world }) => {
        world.rotate('w', 'w2');
        world.takeOver('w2', 'w');
        world.rotate('w2', 'w3');
        world.takeOver('w3', 'w', 'w2');
        world.unregister('w');
      },
    ],
    [
      'its witness is replaced',
      ({ world, grant }) => {
        world.admit('w2', { replaces: { grant: grant.hash, from: 2 } });
        world.takeOver('w2', 'w');
      },
    ],
    [
      'its witness is revoked from then on, and goes',
      ({ world, grant }) => {
        world.revoke(grant, 2);
        world.unregister('w');
      },
    ],
    [
      'it goes itself',
      ({ world }) => {
        world.unregister('n');
        world.unregister('w');
      },
    ],
  ];
  test.each(later)('after %s', async (_, happens) => {
    const given = witnessed();
    const before = verdictOn(await given.world.bundle('n', given.had, 'w'), true);
    expect(before).toBeDefined();
    happens(given);
    expect(verdictOn(await given.world.bundle('n', given.had, 'w'), false)).toBe(before);
  });
});

describe('the word of a node counts for nothing', () => {
  test('whose registration is void: its grant is revoked from before it', async () => {
    const { world, grant, had } = witnessed();
    world.revoke(grant, 1);
    expect(verdictOn(await world.bundle('n', had, 'w'))).toBeUndefined();
  });

  test('that was registered later than what is to be proven, and is no more', async () => {
    const { world, had } = witnessed();
    world.admit('x');
    world.register('x');
    expect(verdictOn(await world.bundle('n', had, 'x'))).toBeDefined();
    world.unregister('x');
    expect(verdictOn(await world.bundle('n', had, 'x'))).toBeUndefined();
  });

  test('that a revoked admin lets in, dated back, whatever the node says that it had', async () => {
    const world = new WitnessWorld();
    const grant = world.admit('admin', { roles: ['admin'], scope: {}, grants: true });
    world.admit('n');
    world.register('n');
    const revocation = world.revoke(grant, 1);
    world.admit('x', {}, 'admin', 1);
    world.register('x');
    expect(verdictOn(await world.bundle('n', world.entries, 'x'))).toBeUndefined();
    const without = world.entries.filter((entry) => entry !== revocation);
    expect(verdictOn(await world.bundle('n', without, 'x'))).toBeUndefined();
  });

  test('that would be its own: by its key, by a former one, and of a former one by its present key', async () => {
    const { world, had } = witnessed();
    expect(verdictOn(await world.bundle('n', had, 'n'))).toBeUndefined();
    world.rotate('n', 'n2');
    world.takeOver('n2', 'n');
    world.rotate('n2', 'n3');
    world.takeOver('n3', 'n', 'n2');
    for (const [node, witness] of [
      ['n3', 'n'],
      ['n2', 'n'],
      ['n', 'n3'],
      ['n', 'n2'],
    ] as const)
      expect(verdictOn(await world.bundle(node, had, witness)), `${node} by ${witness}`).toBeUndefined();
    expect(verdictOn(await world.bundle('n3', had, 'w'))).toBeDefined();
  });

  test('that would be its own: by a key that it said it had lost', async () => {
    const world = new WitnessWorld();
    const grant = world.admit('n');
    world.register('n');
    const had = [...world.entries];
    world.admit('n2', { replaces: { grant: grant.hash, from: 2 } });
    world.takeOver('n2', 'n');
    expect(verdictOn(await world.bundle('n2', had, 'n'))).toBeUndefined();
    expect(verdictOn(await world.bundle('n', had, 'n2'))).toBeUndefined();
  });
});

const LETTERS = ['0', 'a', 'b', 'c', 'd', 'e'];
const KEYS = [...LETTERS.map((letter) => signingKeyFromSeed(Buffer.alloc(32, `holdfast ${letter}`))), ...NEXT_KEYS];
const peersIn = (entries: readonly Entry[]): ReadonlySet<unknown> =>
  new Set(entries.map(({ content }) => content['peer']));

test.skipIf(!PYTHON)(
  'both readings agree on whose word counts in hostile histories (skipped where there is no Python)',
  { timeout: 120_000 },
  async () => {
    const random = createSeededRandom(SEED);
    const bundles: Uint8Array[] = [];
    for (let run = 0; run < RUNS; run += 1) {
      const history = signedHostileHistory(random, random.integer(20, 60), POLICY_HABITS);
      const had = history.slice(0, random.integer(1, history.length));
      const node = random.pick(KEYS);
      const peers = peersIn(had);
      for (const witness of KEYS.filter(({ author }) => peers.has(author) || random.chance(0.2))) {
        const { checkpoint } = await receiptsOf(had, node, [{ size: had.length, cosigned: [[witness, COSIGNED_AT]] }]);
        bundles.push(
          await bundleOf(history, {
            moment: { kind: 'known', node: node.author, micros: COSIGNED_AT * 1_000_000 },
            known: { checkpoint, entries: had.map(({ hash }) => hash) },
          }),
        );
      }
    }
    const theirs = secondReading(bundles);
    let sound = 0;
    for (const [at, bundle] of bundles.entries()) {
      const { fault, root } = verifyBundle(bundle);
      if (fault === undefined) sound += 1;
      else expect(fault.rule, `${REPEAT} bundle ${at}: ${fault.text}`).toBe('known');
      expect(theirs[at], `${REPEAT} bundle ${at}`).toBe(fault === undefined ? `sound ${root ?? ''}` : NOBODY);
    }
    expect(sound, REPEAT).toBeGreaterThan(0);
    expect(sound, REPEAT).toBeLessThan(bundles.length);
  },
);
