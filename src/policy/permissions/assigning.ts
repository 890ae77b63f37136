import type { JsonObject } from '../../codec/json.ts';
import { canonicalJson } from '../../codec/canonical.ts';
import type { Proposal } from '../../ledger/ledger.ts';
import type { PolicyState } from '../book.ts';
import { decideDelete, decideInsert, decideUpdate, type Writer } from '../decide.ts';
import { applyChanges } from '../facts.ts';
import type { LedgerFold } from '../fold.ts';
import { assignmentSchema } from '../kinds/assignment.ts';
import { policyId, readPolicy } from '../shape.ts';
import { planGrants, type Wish } from './grants.ts';

/** The book as it is now, who writes, and how: an entry at a time, which the book holds when `append` resolves. */
export interface AssigningPorts {
  readonly view: LedgerFold;
  readonly writer: Writer;
  /** Number of the first entry of a key that is not known here. */
  readonly nextOf: (key: string) => number;
  append(proposal: Proposal): Promise<unknown>;
}

const wishIn = (value: JsonObject): Wish | undefined => {
  const read = assignmentSchema.safeParse(value);
  return read.success ? read.data : undefined;
};

const isSame = ({ value: { id: _id, date: _date, ...held } }: PolicyState, given: JsonObject): boolean => {
  const { date: _given, ...asked } = given;
  return canonicalJson(held) === canonicalJson(asked);
};

/**
 * Writes of policies, and with those of assignments the grants and revocations that they mean. All is decided before
 * the first entry is written. What ends is written first, what is granted last, so what a crash between leaves is an
 * assignment without one of its grants, never a grant without its assignment; the same command again does what is left.
 */
export class Assigning {
  readonly #ports: AssigningPorts;

  constructor(ports: AssigningPorts) {
    this.#ports = ports;
  }

  /** `write` inserts the policy and resolves to its id. */
  async insert(policy: JsonObject, write: () => Promise<string>): Promise<string> {
    const { view, writer } = this.#ports;
    if (Object.keys(policy)[0] !== 'assignment') return write();
    const { type, givenId, value } = readPolicy(policy);
    const id = givenId ?? policyId(type, value);
    const held = view.get(id);
    const isAgain = held?.type === type && isSame(held, value);
    const after = wishIn(value);
    const { grants } = this.#plan(id, isAgain ? after : undefined, after);
    const goesOn = isAgain && grants.length > 0;
    if (!goesOn) {
      decideInsert(view, policy, writer);
      await write();
    }
    await this.#append(grants);
    return id;
  }

  async update(id: string, changes: JsonObject, write: () => Promise<unknown>): Promise<void> {
    const { view, writer } = this.#ports;
    const held = view.get(id);
    if (held?.type !== 'assignment') {
      await write();
      return;
    }
    decideUpdate(view, id, changes, writer);
    const { id: _id, date: _date, ...value } = held.value;
    const { id: _given, date: _dated, ledger: _ledger, ...rest } = changes;
    const { grants, revocations } = this.#plan(id, wishIn(value), wishIn(applyChanges(held.type, value, rest)));
    await this.#append(revocations);
    await write();
    await this.#append(grants);
  }

  async delete(id: string, write: () => Promise<unknown>): Promise<void> {
    const { view, writer } = this.#ports;
    const held = view.get(id);
    if (held?.type === 'assignment') {
      decideDelete(view, id, writer);
      await this.#append(this.#plan(id, wishIn(held.value), undefined).revocations);
    }
    await write();
  }

  #plan(id: string, before: Wish | undefined, after: Wish | undefined): ReturnType<typeof planGrants> {
    const { view, writer, nextOf } = this.#ports;
    return planGrants(view, writer.key, { id, before, after }, nextOf);
  }

  async #append(proposals: readonly Proposal[]): Promise<void> {
    for (const proposal of proposals) await this.#ports.append(proposal);
  }
}
