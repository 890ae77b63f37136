import type { Sliced } from '../../base/slices.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import { Holdings, type Life, type Subject } from '../claims.ts';
import { compareFacts, type Fact } from '../facts.ts';
import type { VoidReason } from '../void-reason.ts';
import { type Settled, settledPolicy, type SettledPolicy } from './settled.ts';

/** Policies between two slices. */
const SLICE = 1_024;

/** What a policy is. */
type Outcome = Pick<Subject, 'life' | 'newest'>;

/** What a book knows of facts. */
export interface TakeoverPorts {
  readonly find: (hash: string) => Fact | undefined;
  /** An entry takes its effect. */
  readonly step: (subject: Subject, fact: Fact, holdings: Holdings) => void;
}

/**
 * What becomes of the policies when a book begins to hold to what is settled. It is worked out beside the book, which
 * may change meanwhile: what has is looked at again before {@link put}, and nothing is changed until then.
 */
export class Takeover {
  readonly #settled: Settled | undefined;
  readonly #ports: TakeoverPorts;
  readonly #voids = new Map<Fact, VoidReason | undefined>();
  readonly #done = new Map<Subject, Outcome>();
  readonly #other = new Set<Subject>();
  #latest: Fact | undefined;

  constructor(settled: Settled | undefined, ports: TakeoverPorts) {
    this.#settled = settled;
    this.#ports = ports;
  }

  /** `before` is what the book holds to as yet. */
  *look(subjects: Iterable<Subject>, before: Settled | undefined): Sliced<void> {
    let looked = 0;
    for (const subject of subjects) {
      this.#lookAt(subject, before);
      looked += 1;
      if (looked % SLICE === 0) yield;
    }
    yield;
  }

  /**
   * Puts it in place. `done`: policies that are what they come to; `other`: those to be evaluated; `latest`: the last
   * entry that is not covered.
   */
  put(): { readonly done: Iterable<Subject>; readonly other: ReadonlySet<Subject>; readonly latest: Fact | undefined } {
    for (const [fact, reason] of this.#voids) fact.void = reason;
    for (const [subject, { life, newest }] of this.#done) Object.assign(subject, { life, newest });
    return { done: this.#done.keys(), other: this.#other, latest: this.#latest };
  }

  #lookAt(subject: Subject, before: Settled | undefined): void {
    this.#done.delete(subject);
    this.#other.delete(subject);
    const settled = this.#settled;
    const open: Fact[] = [];
    for (const fact of subject.facts) {
      if (settled?.covered.has(fact.hash) !== true) open.push(fact);
      else if (fact.void !== settled.reasons.get(fact.hash)) this.#voids.set(fact, settled.reasons.get(fact.hash));
    }
    for (const fact of open)
      if (this.#latest === undefined || compareFacts(this.#latest, fact) < 0) this.#latest = fact;
    if (isApart(subject, open, before)) return;
    const policy = settledPolicy(subject, settled, this.#ports.find);
    const same = open.length === 0 && settled !== undefined ? sameAs(subject, policy) : undefined;
    const outcome = same ?? this.#alone(subject, policy, open);
    if (outcome === undefined) this.#other.add(subject);
    else this.#done.set(subject, outcome);
  }

  /** What a policy comes to that shares nothing with others; undefined for all others. */
  #alone(subject: Subject, policy: SettledPolicy | undefined, open: readonly Fact[]): Outcome | undefined {
    const { life, member } = policy ?? {};
    if (subject.touched !== undefined || (life?.claims.length ?? 0) > 0 || member !== undefined) return undefined;
    const tried: Subject = { ...subject, life, newest: life?.heads[0] };
    const holdings = new Holdings();
    for (const fact of open) {
      const known = fact.void;
      this.#ports.step(tried, fact, holdings);
      this.#voids.set(fact, fact.void);
      fact.void = known;
    }
    return tried.touched === undefined ? tried : undefined;
  }
}

/** Whether nothing of it was or is settled, and it shares nothing with others: then it stays what it is. */
const isApart = ({ facts, touched }: Subject, open: readonly Fact[], before: Settled | undefined): boolean =>
  touched === undefined &&
  open.length === facts.length &&
  (before === undefined || facts.every(({ hash }) => !before.covered.has(hash)));

/**
 * Most policies are what is settled of them: then only their versions are not told apart any more. Otherwise undefined.
 */
const sameAs = ({ life }: Subject, settled: SettledPolicy | undefined): Outcome | undefined => {
  if (settled === undefined ? life !== undefined : !isSameLife(life, settled)) return undefined;
  const { heads = [], settled: versions } = settled?.life ?? {};
  return { life: life && { ...life, heads, settled: versions }, newest: heads[0] };
};

/** Whether a life is just what is settled of it, its versions apart. */
const isSameLife = (life: Life | undefined, { life: settled, member }: SettledPolicy): boolean =>
  life !== undefined &&
  life.waiting === undefined &&
  !life.partial &&
  !settled.partial &&
  life.insert === settled.insert &&
  life.member === member &&
  life.claims.length === settled.claims.length &&
  canonicalJson(life.value) === canonicalJson(settled.value);
