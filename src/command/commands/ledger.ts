import { countInForce } from '../../policy/state.ts';
import { faultLines, faultsOf } from '../health/faults.ts';
import { healthFacts } from '../health/gather.ts';
import { nodeNames } from '../node-names.ts';
import { foreignSeedLines } from './foreign-seeds.ts';
import { anyText, optional, repeated, type OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { hoursMinutesSeconds, type Cell, type Title } from '../table.ts';
import { shortKey } from './common.ts';

const SYNC_TITLES: readonly Title[] = [
  'Status',
  ['Sync', 'Source'],
  'Connection',
  ['Sync', 'Time'],
  ['Metadata', 'Version'],
  ['Time Since', 'Update'],
  ['Entries', 'Behind'],
  ['Entries', 'Ahead'],
  'Policies',
  ['Last', 'Error'],
];

const SYNC_TIME = '3 seconds';

const synchronizer = ({ context, mayReach }: Call<OptionTable>): Reply => {
  const { ledger, ledgerSync, network, policies, clock } = context;
  const addresses = new Map(network.peers().map(({ key, address }) => [key, address]));
  const names = nodeNames(context.topology());
  const refused = new Map((context.refusals?.() ?? []).map(({ peer, code }) => [peer, code]));
  const now = clock.wallMs();
  const own: readonly Cell[] = [
    'Running',
    'This node',
    network.address,
    '',
    ledger.version,
    '',
    0,
    0,
    countInForce(policies.book),
    '',
  ];
  const peers = ledgerSync
    .peers()
    .map((peer): readonly Cell[] => [
      peer.foreign !== undefined ? 'Different network' : peer.connected ? 'Running' : 'Not connected',
      names.get(peer.peer) ?? shortKey(peer.peer),
      addresses.get(peer.peer) ?? peer.foreign?.address ?? '',
      SYNC_TIME,
      peer.version ?? '',
      peer.lastExchangeMs === undefined ? 'Not updated' : hoursMinutesSeconds(now - peer.lastExchangeMs),
      peer.behind,
      peer.ahead,
      '',
      refused.get(peer.peer) ?? peer.lastError ?? '',
    ]);
  const faults = faultsOf(healthFacts(context, mayReach), 'synchronizer');
  const table = givesTable({
    titles: SYNC_TITLES,
    rows: [own, ...peers],
    json: {
      version: ledger.version,
      entries: ledger.size,
      policies: countInForce(policies.book),
      peers: ledgerSync.peers(),
      faults,
    },
  });
  return { ...table, text: `${table.text ?? ''}${faultLines(faults)}${foreignSeedLines(context)}` };
};

const syncOptions = {
  source: optional(anyText, 'accepted: the source is every node'),
  time: optional(anyText, 'accepted: nodes exchange what is new at once'),
  dest: repeated(anyText, 'accepted: every node holds the ledger'),
  connection: repeated(anyText, 'accepted: there is no master', ['master_node', 'master']),
  platform: optional(anyText, 'accepted'),
  file: optional(anyText, 'accepted'),
};

const syncNow = async ({ context }: Call<typeof syncOptions>): Promise<Reply> => {
  await context.ledgerSync.syncNow();
  await context.policies.caughtUp();
  return SILENT;
};

/** The ledger itself: whether it is the same elsewhere. */
export const ledgerCommands = (): readonly Command[] => [
  define({
    patterns: ['run blockchain sync'],
    method: 'POST',
    explanation:
      'exchanges the ledger with all connected nodes now; there is no master, and the exchange goes on by itself',
    examples: [
      'run blockchain sync',
      'run blockchain sync where source = master and time = 30 seconds and dest = file and connection = !ledger_conn',
    ],
    options: syncOptions,
    run: syncNow,
  }),
  define({
    patterns: ['get synchronizer'],
    method: 'GET',
    explanation: 'shows how the exchange of the ledger with each node stands',
    examples: ['get synchronizer'],
    filtered: 'words',
    run: synchronizer,
  }),
  define({
    patterns: ['blockchain load metadata', 'blockchain reload metadata'],
    method: 'POST',
    explanation: 'accepted: the policies follow the ledger by themselves',
    examples: ['blockchain reload metadata'],
    run: async ({ context }) => {
      await context.policies.caughtUp();
      return says('');
    },
  }),
];
