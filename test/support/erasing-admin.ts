import { createPolicies } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';
import { holdTheSame, proposal, startSyncPair, type SyncNode } from './sync-world.ts';

const NO_POLICY = { type: null, id: null, replaces: null };

/** Two nodes with a book; one of them has said what a third, admin only later, erases. */
export const erasingWorld = async () => {
  const { a, b, clock, start } = await startSyncPair();
  const books: Policies[] = [];
  const withBook = ({ ledger }: SyncNode): Policies => {
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    books.push(policies);
    return policies;
  };
  withBook(a);
  withBook(b);
  const inStep = (node: SyncNode, ms = 10_000): Promise<void> => clock.runUntil(() => holdTheSame(a, node), ms);
  const dial = (node: SyncNode): void => node.network.keepDialled([{ address: a.network.address }]);
  return {
    ...{ a, b, clock, start, withBook, inStep, dial },
    /** Entries of `a` that fill frames. */
    fill: async (from: number, to: number, bytes: number): Promise<void> => {
      const filler = 'x'.repeat(bytes);
      for (let number = from; number < to; number += 1)
        await a.ledger.append({ ...proposal(number), content: { filler } });
    },
    /** Hash of the entry that will be erased. */
    tell: async (): Promise<string> => {
      const { entry } = await b.ledger.append({ ...proposal(1), content: { person: 'Jane Doe' } });
      await inStep(b);
      return entry.hash;
    },
    startAdmin: async (): Promise<SyncNode> => {
      const admin = await start();
      withBook(admin);
      dial(admin);
      await clock.runUntil(() => holdTheSame(a, admin) && admin.ledger.status().mayAppend, 10_000);
      return admin;
    },
    grant: async (node: SyncNode, key: string, role: string): Promise<string> => {
      const content = { v: 1, key, roles: [role], scope: {}, grants: false };
      return (await node.ledger.append({ ...NO_POLICY, op: 'grant', content })).entry.hash;
    },
    /** Resolves when the nodes with a book know of it; hash of the erase entry. */
    erase: async (admin: SyncNode, secret: string, cap: string): Promise<string> => {
      const content = { v: 1, entry: secret, attributes: ['person'], removed: [], reason: 'r' };
      const { hash } = (await admin.ledger.append({ ...NO_POLICY, op: 'erase', cap, content })).entry;
      await clock.runUntil(() => [a, b, admin].every(({ ledger }) => ledger.erasedBy(secret) === hash), 10_000);
      return hash;
    },
    close: async (): Promise<void> => {
      for (const each of books) await each.close();
    },
  };
};
