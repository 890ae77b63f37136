import fc from 'fast-check';
import { sha256Hex } from '../../src/codec/hash.ts';
import type { Entry, RawEntry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { badlySigned, seedOf, START_MICROS } from './ledger-authors.ts';

/** Authors of one history. */
const AUTHORS = 3;
/** Before everything else in a history, after its genesis. */
const LONG_AGO = START_MICROS + 1;
/** Keys of authors: far from those of nodes. */
const KEYS_FROM = 5_000;

/**
 * One entry: whose, after which of the own ones (0 is the newest), what is wrong with it, whom it names, how it is
 * signed.
 */
export interface HostileStep {
  readonly author: number;
  readonly back: number;
  readonly prev: 'true' | 'invented' | 'of another' | 'skips one';
  readonly dated: 'after' | 'long ago';
  /** Bits: which of the last entries of others it names. */
  readonly parents: number;
  readonly isSigned: boolean;
}

const mostly = <T>(usual: T, ...others: readonly T[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: fc.constantFrom(...others) });

const author = mostly(0, ...Array.from({ length: AUTHORS - 1 }, (_, at) => at + 1));

const step: fc.Arbitrary<HostileStep> = fc.record({
  author,
  back: mostly(0, 1, 2, 3),
  prev: mostly<HostileStep['prev']>('true', 'invented', 'of another', 'skips one'),
  dated: mostly<HostileStep['dated']>('after', 'long ago'),
  parents: mostly(0, 1, 3, 5, 8, 16),
  isSigned: mostly(true, false),
});

const one: fc.Arbitrary<readonly HostileStep[]> = step.map((only) => [only]);

/** The last of some entries has others of the same author and number. */
const forked = (
  entries: fc.Arbitrary<readonly HostileStep[]>,
  minLength: number,
): fc.Arbitrary<readonly HostileStep[]> =>
  fc
    .tuple(entries, fc.array(step, { minLength, maxLength: 2 }))
    .map(([before, others]) => [
      ...before,
      ...others.map((other) => ({ ...other, author: before.at(-1)?.author ?? 0, back: 1 })),
    ]);

/** Badly signed ones, and one that vouches for them. */
const vouched: fc.Arbitrary<readonly HostileStep[]> = fc
  .tuple(fc.array(step, { minLength: 1, maxLength: 2 }), step)
  .map(([before, last]) =>
    [...before, last].map((part) => ({ ...part, author: last.author, back: 0, isSigned: part === last, prev: TRUE })),
  );
const TRUE: HostileStep['prev'] = 'true';

/** What a group of authors, who are after harm, and know each other's entries, sign. */
export const hostileScripts: fc.Arbitrary<readonly HostileStep[]> = fc
  .array(fc.oneof(one, forked(one, 1), vouched, forked(vouched, 2)), { minLength: 1, maxLength: 6 })
  .map((scenes) => scenes.flat());

const keys = new Map<number, SigningKey>();
const keyOf = (number: number): SigningKey => {
  const key = keys.get(number) ?? signingKeyFromSeed(seedOf(number));
  keys.set(number, key);
  return key;
};

/**
 * The entries of a script, played by as many groups of authors, each with keys of its own; as somebody hands them on.
 */
export const hostileEntries = (script: readonly HostileStep[], groups: number, genesis: Entry): readonly RawEntry[] => {
  const raws: RawEntry[] = [];
  for (let group = 0; group < groups; group += 1) {
    const logs: Entry[][] = Array.from({ length: AUTHORS }, () => []);
    const all: Entry[] = [genesis];
    for (const [at, step] of script.entries()) {
      const log = logs[step.author]!;
      const before = log.at(-1 - Math.min(step.back, log.length));
      const others = all.filter(({ header }) => header.author !== keyOf(authorNumber(group, step.author)).author);
      const named = others.slice(-5).filter((_, bit) => (step.parents >> bit) % 2 === 1);
      const times = [genesis, ...(before === undefined ? [] : [before]), ...named].map(({ header }) => header.time);
      const entry = makeEntry(keyOf(authorNumber(group, step.author)), {
        net: genesis.hash,
        ...placeOf(step, before, log, others),
        parents: named.map(({ hash }) => hash),
        time: step.dated === 'after' ? Math.max(...times) + 1_000 + at : LONG_AGO + at,
        cap: genesis.hash,
        op: 'insert',
        type: 'table',
        id: `hostile-${group}-${at}`,
        replaces: null,
        content: { table: { name: `t${at}` } },
        salt: seedOf(at).subarray(0, 16),
      });
      log.push(entry);
      all.push(entry);
      raws.push(step.isSigned ? entry.raw : badlySigned(entry));
    }
  }
  return raws;
};

const authorNumber = (group: number, author: number): number => KEYS_FROM + group * AUTHORS + author;

const placeOf = (
  { prev }: HostileStep,
  before: Entry | undefined,
  log: readonly Entry[],
  others: readonly Entry[],
): { readonly seq: number; readonly prev: string | null } => {
  const seq = (before?.header.seq ?? 0) + 1;
  if (before === undefined || prev === 'true') return { seq, prev: before?.hash ?? null };
  if (prev === 'of another') return { seq, prev: others.at(-1)?.hash ?? before.hash };
  if (prev === 'skips one') return { seq: seq + 1, prev: before.hash };
  return { seq, prev: sha256Hex(`${log.length}`) };
};
