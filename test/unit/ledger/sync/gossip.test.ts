import { expect, test } from 'vitest';
import { asFault } from '../../../../src/base/errors.ts';
import { silentLogger } from '../../../../src/base/log.ts';
import { signingKeyFromSeed } from '../../../../src/entry/keys.ts';
import type { Acceptance, Ledger } from '../../../../src/ledger/ledger.ts';
import { LedgerGossip } from '../../../../src/ledger/sync/gossip.ts';
import { encodeEntries } from '../../../../src/ledger/sync/messages.ts';
import type { Network, PeerKey, Verdict } from '../../../../src/network/network.ts';
import { createAuthor, genesisOf, seedOf } from '../../../support/ledger-authors.ts';

const genesis = genesisOf(signingKeyFromSeed(seedOf(1)));
const author = createAuthor(2, genesis);
const OTHER = 'e'.repeat(64);

/** What the node makes of gossip that the ledger takes so. */
const hear = async (data: Uint8Array, from: PeerKey, acceptance: Acceptance, granted: boolean | undefined) => {
  const blamed: string[] = [];
  let offered = 0;
  let receive: (data: Uint8Array, from: PeerKey) => Verdict | Promise<Verdict> = () => 'ignore';
  const ledger: Pick<Ledger, 'network' | 'size' | 'offer'> = {
    ...{ network: genesis.hash, size: 1 },
    offer: async () => {
      offered += 1;
      return [acceptance];
    },
  };
  const network: Pick<Network, 'subscribe' | 'blame'> = {
    subscribe: (_, handler) => {
      receive = handler;
      return () => {};
    },
    blame: (key, caught) => void blamed.push(`${key === from ? 'sender' : key} ${asFault(caught).code}`),
  };
  const ports = { log: silentLogger, isGranted: () => granted, onGap: () => {} };
  new LedgerGossip({ ledger: ledger as Ledger, network: network as Network, ...ports });
  return { verdict: await receive(data, from), blamed, offered };
};

const entry = encodeEntries([author.next().raw]);
const accepted: Acceptance = { verdict: 'accept' };

test('an entry without its body is left to the exchange, whoever sends it', async () => {
  const bare = encodeEntries([{ ...author.next().raw, body: new Uint8Array() }]);
  expect(await hear(bare, OTHER, accepted, true)).toEqual({ verdict: 'ignore', blamed: [], offered: 0 });
});

interface Case {
  readonly entry: string;
  readonly acceptance?: Acceptance;
  readonly granted?: 'unknown';
  readonly from?: PeerKey;
  readonly verdict: Verdict;
  readonly blamed?: readonly string[];
}

test.each<Case>([
  { entry: 'stands by itself', verdict: 'accept' },
  { entry: 'is vouched for by a later one', acceptance: { verdict: 'accept', restsOn: 'voucher' }, verdict: 'ignore' },
  { entry: 'proves a fork of another', acceptance: { verdict: 'accept', restsOn: 'fork' }, verdict: 'ignore' },
  {
    entry: 'proves a fork of who sends it',
    acceptance: { verdict: 'accept', restsOn: 'fork' },
    from: author.author,
    verdict: 'reject',
    blamed: ['sender LEDGER_AUTHOR_VOID'],
  },
  { entry: 'cites a grant that is not here yet', granted: 'unknown', verdict: 'ignore' },
  { entry: 'is held already', acceptance: { verdict: 'ignore', code: 'LEDGER_DUPLICATE' }, verdict: 'ignore' },
  {
    entry: 'is of a newer program',
    acceptance: { verdict: 'reject', code: 'ENTRY_VERSION_UNKNOWN' },
    verdict: 'ignore',
  },
  {
    entry: 'is badly signed',
    acceptance: { verdict: 'reject', code: 'ENTRY_SIGNATURE_BAD' },
    verdict: 'reject',
    blamed: ['sender ENTRY_SIGNATURE_BAD'],
  },
])('an entry that $entry', async ({ acceptance = accepted, granted, from = OTHER, verdict, blamed = [] }) => {
  expect(await hear(entry, from, acceptance, granted === undefined ? true : undefined)).toEqual({
    verdict,
    blamed,
    offered: 1,
  });
});

test('an entry that cites nothing for its author is not even offered to the ledger', async () => {
  const blamed = ['sender LEDGER_ENTRY_UNGRANTED'];
  expect(await hear(entry, OTHER, accepted, false)).toEqual({ verdict: 'reject', blamed, offered: 0 });
});

test('rubbish is blamed on the sender', async () => {
  const heard = await hear(Buffer.from('rubbish'), OTHER, accepted, true);
  expect(heard).toMatchObject({ verdict: 'reject', blamed: [expect.stringMatching(/^sender LEDGER_/)], offered: 0 });
});
