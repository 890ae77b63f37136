import type { Sliced } from '../base/slices.ts';
import type { JsonObject } from '../codec/json.ts';
import { anmpByPolicy, mergeAnmp } from './anmp.ts';
import type { PolicyState } from './book.ts';
import type { Subject } from './claims.ts';
import { compareFacts, type Fact } from './facts.ts';
import { MeantNames } from './names.ts';
import { showInSlices, shownBy } from './state.ts';

/** The policies in force as they are asked for: made then, and kept until one of them may be another. */
export class ShownPolicies {
  readonly #subjects: ReadonlyMap<string, Subject>;
  /** Subjects with an insert of a type, in force or not. */
  readonly #byType = new Map<string, Set<Subject>>();
  readonly #shown = new Map<string, JsonObject>();
  readonly #ofType = new Map<string | undefined, readonly PolicyState[]>();
  readonly #names: MeantNames;
  #anmp: ReadonlyMap<string, readonly PolicyState[]> | undefined;

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

  /** In the ledger's order, by their insert. */
  ofType(type?: string): readonly PolicyState[] {
    let list = this.#ofType.get(type);
    if (list === undefined) {
      const lives: { readonly subject: Subject; readonly insert: Fact }[] = [];
      for (const subject of this.#subjectsWith(type)) {
        const { life } = subject;
        if (life !== undefined && life.waiting === undefined && (type === undefined || life.type === type))
          lives.push({ subject, insert: life.insert });
      }
      lives.sort((a, b) => compareFacts(a.insert, b.insert));
      list = lives.flatMap(({ subject }) => shownBy(subject) ?? []);
      this.#ofType.set(type, list);
    }
    return list;
  }

  namedBy(key: string): Iterable<string> {
    return this.#names.holders(key);
  }

  types(): readonly string[] {
    return [...new Set(this.ofType().map(({ type }) => type))].sort();
  }

  /** With the ANMP policies laid over it. */
  shown(id: string): JsonObject | undefined {
    const state = this.get(id);
    if (state === undefined) return undefined;
    let shown = this.#shown.get(id);
    if (shown === undefined) {
      this.#anmp ??= anmpByPolicy(this.ofType('anmp'));
      shown = mergeAnmp(state, this.#anmp.get(id) ?? []);
      this.#shown.set(id, shown);
    }
    return shown;
  }

  *make(type?: string): Sliced<void> {
    if (!this.#ofType.has(type)) yield* showInSlices(this.#subjectsWith(type), (id) => this.shown(id));
  }

  /** What is kept of these, and of their types, counts no more. */
  forget(subjects: Iterable<Subject>): void {
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
