import { expect, it } from 'vitest';
import { silentLogger } from '../../../src/base/log.ts';
import type { DialTarget } from '../../../src/network/network.ts';
import { createDialling } from '../../../src/node/dialling.ts';
import type { NodeInfo } from '../../../src/topology/topology.ts';

const node = (ip: string): NodeInfo => ({
  ...{ id: ip, type: 'query', name: ip, company: 'c', ip, port: 7, restPort: undefined, peer: undefined },
});

it('an address that is none is not dialled for ever', async () => {
  let targets: readonly DialTarget[] = [];
  const dialling = await createDialling({
    network: { self: 'k', address: '127.0.0.1:1', keepDialled: (to) => void (targets = to) },
    topology: () => ({ nodes: ['bad ip', '10.0.0.1', '::1'].map(node) }),
    seeds: [],
    needed: () => [],
    file: { path: '/nowhere/peers.json', keep: async () => {} },
    log: silentLogger,
  });
  dialling.refresh();
  expect(targets.map(({ address }) => address)).toEqual(['10.0.0.1:7', '[::1]:7']);
});

it('whom nothing names, and who is needed now, is dialled too; a policy goes before what is told', async () => {
  let targets: readonly DialTarget[] = [];
  const [told, named] = ['a'.repeat(64), 'b'.repeat(64)] as const;
  let needed: readonly DialTarget[] = [];
  const dialling = await createDialling({
    network: { self: 'k', address: '127.0.0.1:1', keepDialled: (to) => void (targets = to) },
    topology: () => ({ nodes: [{ ...node('10.0.0.1'), peer: named }] }),
    seeds: ['10.0.0.3:7'],
    needed: () => needed,
    file: { path: '/nowhere/peers.json', keep: async () => {} },
    log: silentLogger,
  });
  needed = [
    { address: '10.0.0.2:7', key: told },
    { address: '10.0.0.9:7', key: named },
    { address: '10.0.0.3:7', key: told },
  ];
  dialling.refresh();
  expect(targets).toEqual([
    { address: '10.0.0.3:7' },
    { address: '10.0.0.1:7', key: named },
    { address: '10.0.0.2:7', key: told },
  ]);
});
