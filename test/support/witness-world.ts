import type { Entry } from '../../src/entry/entry.ts';
import { type SigningKey, signingKeyFromSeed, signWith } from '../../src/entry/keys.ts';
import { makeEntry } from '../../src/entry/make.ts';
import { rotateText } from '../../src/policy/authority/acts.ts';
import { bundleOf, receiptsOf } from './bundles.ts';
import type { EntrySketch } from './policy-entries.ts';

const keyCalled = (name: string): SigningKey => signingKeyFromSeed(Buffer.alloc(32, `witness ${name} `));

/** Seconds since 1970: when what is asked for was cosigned. */
export const COSIGNED_AT = 1_700_000_200;

/**
 * A network by invitation whose members are called by names: a root lets in nodes, which register and change their
 * keys.
 */
export class WitnessWorld {
  readonly entries: Entry[] = [];
  readonly #last = new Map<string, Entry>();
  readonly #caps = new Map<string, string>();
  #time = 1_700_000_000_000_000;

  constructor() {
    const root = keyCalled('root').author;
    const content = { v: 1, name: 'n', admission: 'invite', roots: [root] };
    this.#caps.set(root, this.write('root', { op: 'genesis', content }).hash);
  }

  get network(): string {
    return this.entries[0]?.hash ?? '';
  }

  /** An entry by what its author holds, a second after the one before, or `time` microseconds after its author's. */
  write(name: string, { op = 'insert', ...sketch }: EntrySketch, afterOwn?: number): Entry {
    const key = keyCalled(name);
    const before = this.#last.get(key.author);
    this.#time += 1_000_000;
    const time = before === undefined || afterOwn === undefined ? this.#time : before.header.time + afterOwn;
    const entry = makeEntry(key, {
      ...{ parents: [], replaces: null, type: null, id: null, content: {}, ...sketch },
      ...{ net: this.network, cap: this.#caps.get(key.author) ?? null, op, salt: Buffer.alloc(16) },
      ...{ seq: (before?.header.seq ?? 0) + 1, prev: before?.hash ?? null, time },
    });
    this.#last.set(key.author, entry);
    this.entries.push(entry);
    return entry;
  }

  /** Lets somebody in, as a node that writes its own policy alone; `more`: what else the grant says. */
  admit(name: string, more: EntrySketch['content'] = {}, by = 'root', afterOwn?: number): Entry {
    const { author } = keyCalled(name);
    const content = { v: 1, key: author, roles: ['member'], scope: { types: ['query'] }, grants: false, ...more };
    const grant = this.write(by, { op: 'grant', content }, afterOwn);
    this.#caps.set(author, grant.hash);
    return grant;
  }

  register(name: string): Entry {
    const at = this.entries.length;
    const content = { name, company: 'Acme', ip: `10.0.0.${at}`, port: 32_148, peer: keyCalled(name).author };
    return this.write(name, { type: 'query', id: `node-${name}`, content });
  }

  /** The policy of who was called so at first gets the key of who stands in for `before`. */
  takeOver(name: string, of: string, before = of): Entry {
    const content = { peer: keyCalled(name).author, replaces: keyCalled(before).author };
    return this.write(name, { op: 'update', id: `node-${of}`, content });
  }

  unregister(name: string): Entry {
    return this.write('root', { op: 'delete', id: `node-${name}` });
  }

  rotate(name: string, to: string): Entry {
    const [key, next] = [keyCalled(name), keyCalled(to)];
    const cap = this.#caps.get(key.author) ?? '';
    const text = rotateText(this.network, cap, key.author, next.author);
    const proof = Buffer.from(signWith(next, Buffer.from(text))).toString('hex');
    const rotation = this.write(name, { op: 'rotate', content: { v: 1, key: next.author, proof } });
    this.#caps.set(next.author, rotation.hash);
    return rotation;
  }

  revoke(grant: Entry, from: number): Entry {
    return this.write('root', { op: 'revoke', content: { v: 1, grant: grant.hash, from } });
  }

  /** Everything as it stands, with what a node had: those entries, cosigned by one. */
  async bundle(node: string, had: readonly Entry[], witness: string): Promise<Buffer> {
    const sketch = { size: had.length, cosigned: [[keyCalled(witness), COSIGNED_AT]] as const };
    const { checkpoint } = await receiptsOf(had, keyCalled(node), [sketch]);
    return bundleOf(this.entries, {
      moment: { kind: 'known', node: keyCalled(node).author, micros: (COSIGNED_AT + 10) * 1_000_000 },
      known: { checkpoint, entries: had.map(({ hash }) => hash) },
    });
  }
}
