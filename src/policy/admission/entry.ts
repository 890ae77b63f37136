import type { Entry } from '../../entry/entry.ts';
import { signingKeyFromSeed, signWith, type SigningKey } from '../../entry/keys.ts';
import { makeEntry } from '../../entry/make.ts';
import { nextTime } from '../../entry/time.ts';
import { joinText } from '../authority/acts.ts';
import type { InviteToken } from './token.ts';

/**
 * The first entry of a node that joins by invite. Made outside the ledger, which is empty yet; the node takes it back
 * from its peers with everything else. The same entry must be used at every attempt: another would be a second entry 1.
 */
export const joinEntry = (
  key: SigningKey,
  { net, grant, time, key: seed }: InviteToken,
  { nowMicros, salt, name }: { readonly nowMicros: number; readonly salt: Uint8Array; readonly name: string },
): Entry => {
  const invite = signingKeyFromSeed(Buffer.from(seed, 'hex'));
  const proof = signWith(invite, Buffer.from(joinText(net, grant, key.author)));
  return makeEntry(key, {
    net,
    seq: 1,
    prev: null,
    parents: [grant],
    time: nextTime(nowMicros, undefined, [time]),
    cap: grant,
    op: 'join',
    type: null,
    id: null,
    replaces: null,
    content: { v: 1, proof: Buffer.from(proof).toString('hex'), name },
    salt,
  });
};
