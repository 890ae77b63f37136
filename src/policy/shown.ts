import { atOnce, type Sliced, sortInSlices } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import { anmpByPolicy, mergeAnmp } from './anmp.ts';
import type { PolicyState } from './book.ts';
import type { Subject } from './claims.ts';
import { compareFacts, type Fact } from './facts.ts';
import { MeantNames } from './names.ts';
import { showInSlices, shownBy } from './state.ts';

const NONE: readonly PolicyState[] = [];

/** The policies in force as they are asked for: made then, and kept until one of them may be another. */
export class ShownPolicies {
  readonly #subjects: ReadonlyMap<string, Subject>;
  /** Subjects with an insert of a type, in force or not. */
  readonly #byType = new Map<string, Set<Subject>>();
  /** Those that ANMP policies lie over. */
  readonly #shown = new Map<string, JsonObject>();
  readonly #ofType = new Map<string | undefined, readonly PolicyState[]>();
  readonly #names: MeantNames;
  #anmp: ReadonlyMap<string, readonly PolicyState[]> | undefined;
  #changes = 0;

  constructor(subjects: ReadonlyMap<string, Subject>) {
    this.#subjects = subjects;
    this.#names = new MeantNames(subjects);
  }

  /** The subject has an insert of that type. */
  file(type: string, subject: Subject): void {
    const set = this.#byType.get(type);
    if (set === undefined) this.#byType.set(type, new Set([subject]));
    else set.add(subject);
  }

  get(id: string): PolicyState | undefined {
    const subject = this.#subjects.get(id);
    return subject && shownBy(subject);
  }

  /** In the ledger's order, by their insert. Of names that are no type nothing is kept: anybody may ask for any. */
  ofType(type?: string): readonly PolicyState[] {
    if (!this.#isKnown(type)) return NONE;
    let list = this.#ofType.get(type);
    if (list === undefined) this.#ofType.set(type, (list = atOnce(this.#inOrder(type))));
    return list;
  }

  namedBy(key: string): Iterable<string> {
    return this.#names.holders(key);
  }

  /** Nothing is made of what they show. */
  types(): readonly string[] {
    const isInForce = (type: string, subjects: Iterable<Subject>): boolean => {
      for (const { life } of subjects) if (life?.type === type && life.waiting === undefined) return true;
      return false;
    };
    return [...this.#byType].flatMap(([type, subjects]) => (isInForce(type, subjects) ? type : [])).sort();
  }

  /** With the ANMP policies laid over it. */
  shown(id: string): JsonObject | undefined {
    const state = this.get(id);
    if (state === undefined) return undefined;
    this.#anmp ??= anmpByPolicy(this.ofType('anmp'));
    const anmp = this.#anmp.get(id);
    if (anmp === undefined) return state.value;
    let shown = this.#shown.get(id);
    if (shown === undefined) this.#shown.set(id, (shown = mergeAnmp(state, anmp)));
    return shown;
  }

  *make(type?: string): Sliced<void> {
    if (this.#ofType.has(type) || !this.#isKnown(type)) return;
    yield* showInSlices(this.#subjectsWith(type), (id) => this.shown(id));
    const before = this.#changes;
    const list = yield* this.#inOrder(type);
    if (before === this.#changes) this.#ofType.set(type, list);
  }

  /** What is kept of these, and of their types, counts no more. */
  forget(subjects: Iterable<Subject>): void {
    this.#changes += 1;
    this.#ofType.delete(undefined);
    for (const subject of subjects) {
      subject.state = undefined;
      this.#shown.delete(subject.id);
      for (const { op, type } of subject.facts)
        if (op === 'insert') {
          this.#forgetType(type ?? '');
          this.#names.moved(type ?? '', subject);
        }
    }
  }

  *#inOrder(type: string | undefined): Sliced<readonly PolicyState[]> {
    const lives: { readonly subject: Subject; readonly insert: Fact }[] = [];
    for (const subject of this.#subjectsWith(type)) {
      const { life } = subject;
      if (life !== undefined && life.waiting === undefined && (type === undefined || life.type === type))
        lives.push({ subject, insert: life.insert });
    }
    const inOrder = yield* sortInSlices(lives, (a, b) => compareFacts(a.insert, b.insert));
    return inOrder.flatMap(({ subject }) => shownBy(subject) ?? []);
  }

  #isKnown(type: string | undefined): boolean {
    return type === undefined || this.#byType.has(type);
  }

  #subjectsWith(type: string | undefined): Iterable<Subject> {
    return type === undefined ? this.#subjects.values() : (this.#byType.get(type) ?? []);
  }

  #forgetType(type: string): void {
    this.#ofType.delete(type);
    if (type !== 'anmp' || this.#anmp === undefined) return;
    this.#anmp = undefined;
    this.#shown.clear();
  }
}
