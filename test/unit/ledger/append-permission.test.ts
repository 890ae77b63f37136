import { describe, expect, it } from 'vitest';
import { AppendPermission } from '../../../src/ledger/append-permission.ts';
import { Chains } from '../../../src/ledger/chain.ts';
import type { Place } from '../../../src/ledger/place.ts';
import { WaitingRoom } from '../../../src/ledger/waiting-room.ts';

const author = 'a'.repeat(64);
const place = (seq: number, prev: string | null): Place => ({
  ...{ cursor: seq - 1, hash: String(seq).repeat(64), author, seq, prev },
  ...{ time: seq, parents: [], id: null },
});

const permissionWith = (places: readonly Place[]): AppendPermission => {
  const chains = new Chains();
  for (const each of places) chains.add(each);
  const permission = new AppendPermission({
    author,
    chains,
    waiting: new WaitingRoom(),
    damaged: { isOwnLogBehind: false },
  });
  permission.allow();
  return permission;
};

describe('whether a node may append', () => {
  it('its log is whole', () => {
    const permission = permissionWith([place(1, null), place(2, '1'.repeat(64))]);
    expect(permission.granted).toBe(true);
    expect(() => permission.assert(undefined)).not.toThrow();
  });

  it('an own entry is held that does not link to the log: its number must not be used again', () => {
    const permission = permissionWith([place(1, null), { ...place(3, '2'.repeat(64)), cursor: 1 }]);
    expect(permission.granted).toBe(false);
    expect(() => permission.assert(undefined)).toThrow(expect.objectContaining({ code: 'LEDGER_OWN_LOG_BEHIND' }));
  });
});
