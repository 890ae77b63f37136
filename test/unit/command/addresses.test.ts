import { expect, test } from 'vitest';
import { isLoopback, joinAddress, parseAddress } from '../../../src/base/host.ts';
import { addressOf, isAt } from '../../../src/command/addresses.ts';
import type { OperatorInfo } from '../../../src/topology/topology.ts';

const operator = { ip: '2001:db8::7', localIp: '::1', port: 32148 } as OperatorInfo;

test('a policy’s address is the one that destinations name, by IPv6 too', () => {
  expect(addressOf(operator)).toBe('[2001:db8::7]:32148');
  expect(addressOf({ ip: '10.0.0.1', port: 1 })).toBe('10.0.0.1:1');
  expect(isAt(operator, '[2001:db8::7]:32148')).toBe(true);
  expect(isAt(operator, '[::1]:32148')).toBe(true);
  expect(isAt(operator, '[::1]:32149')).toBe(false);
  expect(isAt({ ...operator, localIp: undefined }, '[::1]:32148')).toBe(false);
});

test.each([
  ['127.0.0.1:1', true],
  ['127.8.9.10:1', true],
  ['[::1]:1', true],
  ['localhost:1', true],
  ['127.example.org:1', false],
  ['0.0.0.0:1', false],
  ['[::]:1', false],
  ['[2001:db8::7]:1', false],
])('%s is for this machine alone: %s', (address, expected) => {
  const parsed = parseAddress(address)!;
  expect(isLoopback(parsed.host)).toBe(expected);
  expect(joinAddress(parsed)).toBe(address);
});
