import { describe, expect, test } from 'vitest';
import { joinAddress, splitAddress } from '../../../src/base/host.ts';
import { addressOfMultiaddr, multiaddrText } from '../../../src/network/addresses.ts';

describe('addresses', () => {
  test.each([
    ['127.0.0.1:4001', '/ip4/127.0.0.1/tcp/4001'],
    ['[::1]:4001', '/ip6/::1/tcp/4001'],
    ['node-1.example.org:0', '/dns/node-1.example.org/tcp/0'],
  ])('%s is %s and back', (address, text) => {
    expect(multiaddrText(address)).toBe(text);
    expect(addressOfMultiaddr(`${text}/p2p/12D3KooW`)).toBe(address);
    expect(joinAddress(splitAddress(address))).toBe(address);
  });

  test.each(['', '4001', 'host', 'host:', ':4001', 'host:70000', '::1:4001', '[host]:1', 'a b:1', 'a/b:1', 'host:1x'])(
    '"%s" is refused',
    (address) => {
      expect(() => splitAddress(address)).toThrow(expect.objectContaining({ code: 'NETWORK_ADDRESS_INVALID' }));
    },
  );
});
