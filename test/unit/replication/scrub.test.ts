import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { believe, remedyFor, type View } from '../../../src/replication/scrub/believe.ts';
import {
  decodeScrubAnswer,
  decodeScrubRequest,
  encodeScrubAnswer,
  encodeScrubRequest,
  SCRUB_PROTOCOL,
} from '../../../src/replication/scrub/messages.ts';
import { ReplicationWorld, type SimulatedOperator } from '../../support/replication-world.ts';

const linesOf = (name: string): string[] =>
  readFileSync(new URL(`../../../fixtures/wire/scrub/1/${name}`, import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));

const readAgain = (line: string): { readonly frame: Buffer; readonly read: () => Uint8Array } => {
  const cut = line.indexOf(' ');
  const frame = Buffer.from(line.slice(cut + 1));
  return line.startsWith('request')
    ? { frame, read: () => encodeScrubRequest(decodeScrubRequest(frame)) }
    : { frame, read: () => encodeScrubAnswer(decodeScrubAnswer(frame)) };
};

describe(`the golden vectors of ${SCRUB_PROTOCOL}`, () => {
  test.each(linesOf('valid.txt'))('%s is read, and written again as it was', (line) => {
    const { frame, read } = readAgain(line);
    expect(Buffer.from(read()).toString()).toBe(frame.toString());
  });

  test.each(linesOf('invalid.txt'))('%s is refused', (line) => {
    expect(readAgain(line).read).toThrow(expect.objectContaining({ code: 'REPLICATION_SCRUB_MALFORMED' }) as Error);
  });
});

const view = (operator: string, change: Partial<View> = {}): View => ({
  ...{ operator, held: true, duplicate: false, about: 'r', rows: 3, sum: 'good', proof: 'open', archive: 'missing' },
  ...change,
});

describe('whom to believe', () => {
  test('what a digest proves, against any number of others', () => {
    const views = [
      view('a', { sum: 'bad' }),
      view('b', { sum: 'bad' }),
      view('c', { proof: 'proved', archive: 'whole' }),
    ];
    expect(believe(views, 'a')).toMatchObject({ kind: 'right', sum: 'good', why: 'digest', sources: ['c'] });
  });

  test('of two operators the one whose rows match, whichever is the origin', () => {
    const views = [view('a', { proof: 'refuted', sum: 'bad' }), view('b', { proof: 'proved', archive: 'whole' })];
    for (const origin of ['a', 'b']) expect(believe(views, origin)).toMatchObject({ sum: 'good', sources: ['b'] });
  });

  test('without proof the origin, without the origin most of them, else nobody', () => {
    const views = [view('a', { sum: 'x' }), view('b', { sum: 'y' }), view('c', { sum: 'y' })];
    expect(believe(views, 'a')).toMatchObject({ sum: 'x', why: 'origin' });
    expect(believe(views, 'gone')).toMatchObject({ sum: 'y', why: 'majority', sources: ['b', 'c'] });
    expect(believe(views.slice(0, 2), 'gone')).toMatchObject({ kind: 'unknown' });
    expect(believe([view('a', { held: false })], 'a')).toMatchObject({ kind: 'unknown' });
  });

  test('the refuted have no voice, also as origin', () => {
    const views = [view('a', { sum: 'bad', proof: 'refuted' }), view('b')];
    expect(believe(views, 'a')).toMatchObject({ sum: 'good', why: 'majority', sources: ['b'] });
  });

  test('what to do', () => {
    const belief = believe([view('b', { proof: 'proved', archive: 'whole' })], 'b');
    expect(remedyFor(view('a'), belief)).toBe('none');
    expect(remedyFor(view('a', { archive: 'damaged' }), belief)).toBe('archive');
    for (const own of [{ held: false }, { sum: 'bad' }, { about: 'q' }, { proof: 'refuted' as const }])
      expect(remedyFor(view('a', own), belief)).toBe('apply');
    expect(remedyFor(view('a', { duplicate: true, sum: '' }), belief)).toBe('none');
    expect(remedyFor(view('a', { sum: 'bad' }), believe([], 'a'))).toBe('none');
  });

  test('random damage on random copies: the truth wins while it is decidable, whatever the order of the views', () => {
    const copy = fc.record({
      damage: fc.constantFrom('none', 'rows', 'record gone'),
      archive: fc.constantFrom('whole', 'damaged', 'missing'),
      noted: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(copy, { minLength: 1, maxLength: 5 }), fc.nat(), (copies, seed) => {
        const views = copies.map(({ damage, archive, noted }, at): View => {
          const operator = `o${at}`;
          if (damage === 'record gone')
            return view(operator, { held: false, about: '', rows: 0, sum: '', proof: 'refuted', archive: 'missing' });
          const known = archive === 'whole' || noted;
          const proof = !known ? 'open' : damage === 'none' ? 'proved' : 'refuted';
          // Damage is never the same twice.
          return view(operator, { archive, proof, sum: damage === 'none' ? 'good' : `bad ${at}` });
        });
        const open = views.filter(({ held, proof }) => held && proof === 'open');
        const decidable =
          views.some(({ proof }) => proof === 'proved') ||
          views[0]?.sum === 'good' ||
          (views[0]?.proof !== 'open' && open.filter(({ sum }) => sum === 'good').length * 2 > open.length);
        const turned = [...views.slice(seed % views.length), ...views.slice(0, seed % views.length)];
        const belief = believe(turned, 'o0');
        expect(belief.kind === 'right' ? { ...belief, sources: [] } : belief.kind).toEqual(
          ((again) => (again.kind === 'right' ? { ...again, sources: [] } : again.kind))(believe(views, 'o0')),
        );
        if (!decidable) return;
        expect(belief).toMatchObject({ kind: 'right', sum: 'good' });
        for (const own of views) {
          const remedy = remedyFor(own, belief);
          expect(remedy === 'apply').toBe(own.sum !== 'good');
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('scrub in a simulated cluster', () => {
  let world: ReplicationWorld;
  afterEach(() => world.close());

  const settled = (): Promise<void> => world.clock.runUntil(() => world.equal(), 30_000, 'all hold the same');
  const views = (): string[] =>
    world.operators.map(({ store }) =>
      store
        .all()
        .map(({ origin, file }) => `${origin}/${file}=${store.rowsOf(origin, file) ?? ''}`)
        .join('\n'),
    );
  const start = async (operators: number, files: number): Promise<string> => {
    world = await ReplicationWorld.create({ seed: 7, operators });
    for (let file = 0; file < files; file += 1) world.put(world.operator((file % operators) + 1));
    await settled();
    return views()[0] as string;
  };
  const scrubbed = async (operator: SimulatedOperator): Promise<void> => {
    const before = operator.replication?.scrubber.status().passes ?? 0;
    operator.replication?.scrubber.runNow();
    await world.clock.runUntil(
      () => (operator.replication?.scrubber.status().passes ?? 0) > before,
      120_000,
      'the pass is over',
    );
  };

  test('the background finds rows that changed, and mends them from the own archive', async () => {
    const truth = await start(2, 6);
    const { store } = world.operator(2);
    store.damageRows('operator-1', 2, '{"n":1}');
    await world.clock.runUntil(() => views().every((one) => one === truth), 200_000, 'it is mended by itself');
    expect(world.operator(2).replication?.scrubber.status()).toMatchObject({ found: 1, mended: 1 });
  });

  test('without archive the peer that can prove its rows is believed; the damaged copy goes nowhere', async () => {
    const truth = await start(3, 6);
    const { store, replication } = world.operator(1);
    store.loseArchive('operator-1', 1);
    store.damageRows('operator-1', 1, '{"n":1}\n{"n":2}\n{"n":3}');
    await scrubbed(world.operator(1));
    expect(views()).toEqual([truth, truth, truth]);
    expect(replication?.scrubber.status().deeds[0]).toMatchObject({ did: 'rows', why: 'by its digest', changed: 3 });
  });

  test('a lost record is had back, once', async () => {
    const truth = await start(2, 4);
    world.operator(1).store.loseRecord('operator-2', 1);
    await scrubbed(world.operator(1));
    expect(views()).toEqual([truth, truth]);
  });

  test('what nobody can mend is noted, shown and not handed on; a peer that comes back mends it', async () => {
    const truth = await start(2, 4);
    await world.crash(world.operator(2));
    const { store, replication } = world.operator(1);
    await store.note(
      (await store.check('operator-1', [[1, 1]], { files: 1, rows: 1 })).map(({ origin, file, sum }) => ({
        ...{ origin, file, sum, damage: undefined },
      })),
    );
    store.loseArchive('operator-1', 1);
    store.damageRows('operator-1', 1, '{"n":9}');
    await scrubbed(world.operator(1));
    expect(store.damages()).toMatchObject([{ origin: 'operator-1', file: 1 }]);
    expect(replication?.scrubber.status().deeds[0]).toMatchObject({ did: 'failed' });
    await expect(store.read('operator-1', 1)).rejects.toMatchObject({ code: 'FILE_DAMAGED' });
    await world.start(world.operator(2));
    await world.clock.runUntil(() => store.damages().length === 0, 60_000, 'the peer mended it');
    expect(views()).toEqual([truth, truth]);
  });

  test('a repair that is asked for mends every operator of the cluster, also while data flows, and says what it did', async () => {
    await start(3, 6);
    world.operator(2).store.damageRows('operator-1', 1, '{"n":1}');
    world.operator(3).store.damageRows('operator-1', 2, '{"n":1}');
    world.operator(1).store.loseRecord('operator-3', 1);
    const files = [
      { origin: 'operator-1', file: 1 },
      { origin: 'operator-1', file: 2 },
      { origin: 'operator-3', file: 1 },
    ];
    for (let file = 0; file < 5; file += 1) world.put(world.operator(2));
    const repairing = world.operator(1).replication?.scrubber.repairAll(files);
    let done = false;
    void repairing?.then(() => (done = true));
    await world.clock.runUntil(() => done, 60_000, 'the repair is over');
    const result = await repairing;
    await settled();
    expect(new Set(views()).size).toBe(1);
    expect(result?.failed).toEqual([]);
    const did = result?.reports
      .filter((report) => report.did !== 'none')
      .map((report) => [report.operator, report.origin, report.file]);
    expect(did).toEqual([
      ['operator-1', 'operator-3', 1],
      ['operator-2', 'operator-1', 1],
      ['operator-3', 'operator-1', 2],
    ]);
    const again = world.operator(1).replication?.scrubber.repairAll(files);
    let over = false;
    void again?.then(() => (over = true));
    await world.clock.runUntil(() => over, 60_000, 'the second repair is over');
    expect((await again)?.reports.every((report) => report.did === 'none')).toBe(true);
  });

  test('a database that was set aside is filled again; until then the operator does not answer', async () => {
    const truth = await start(3, 9);
    const operator = world.operator(1);
    await world.clock.runUntil(() => operator.replication?.filled === true, 30_000, 'it is filled');
    await operator.store.setDatabaseAside('plant');
    expect(operator.replication?.filled).toBe(false);
    world.put(world.operator(2));
    await world.clock.runUntil(() => operator.replication?.filled === true, 30_000, 'it is filled again');
    await settled();
    expect(views()[0]?.startsWith(truth.slice(0, 40))).toBe(true);
    expect(new Set(views()).size).toBe(1);
  });

  test('an operator that reaches nobody answers again with what it has, after it waited for its peers', async () => {
    await start(2, 4);
    const operator = world.operator(1);
    await world.clock.runUntil(() => operator.replication?.filled === true, 30_000, 'it answers');
    await world.crash(world.operator(2));
    await operator.store.setDatabaseAside('plant');
    expect(operator.replication?.filled).toBe(false);
    await world.clock.runUntil(() => operator.replication?.filled === true, 30_000, 'it answers again');
  });
});
