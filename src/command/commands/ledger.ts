import type { PolicyVersion } from '../../policy/policies.ts';
import { fault } from '../../base/errors.ts';
import { foreignSeedLines } from './foreign-seeds.ts';
import { anyText, optional, repeated, required, type OptionTable } from '../options.ts';
import { define, type Call, type Command } from '../registry.ts';
import { givesTable, says, SILENT, type Reply } from '../reply.ts';
import { hoursMinutesSeconds, type Cell, type Title } from '../table.ts';

const idOption = { id: required(anyText, 'id of the policy', ['policy_id']) };

const SHORT_HASH = 16;

const shortKey = (key: string): string => `${key.slice(0, SHORT_HASH)}…`;

const changeText = ({ attribute, before, after }: PolicyVersion['changes'][number]): string => {
  if (before === undefined) return `${attribute} = ${JSON.stringify(after)}`;
  return after === undefined
    ? `${attribute} removed`
    : `${attribute}: ${JSON.stringify(before)} to ${JSON.stringify(after)}`;
};

const effectText = (effect: PolicyVersion['effect']): string =>
  typeof effect === 'string' ? effect : `void (${effect.rule}): ${effect.text}`;

const history = async ({ context, options }: Call<typeof idOption>): Promise<Reply> => {
  const versions = await context.policies.history(options.id);
  if (versions.length === 0)
    throw fault('POLICY_UNKNOWN', `no entry of the ledger is about a policy with the id ${options.id}`, {
      data: { id: options.id },
      hint: 'find the id: blockchain get TYPE bring [*][id] separator = \\n',
    });
  const rows = versions.flatMap((version): readonly (readonly Cell[])[] => {
    const lead: readonly Cell[] = [
      version.date,
      version.op,
      version.authorName ?? shortKey(version.author),
      version.seq,
    ];
    const tail: readonly Cell[] = [effectText(version.effect), shortKey(version.entry)];
    const changes = version.changes.length === 0 ? [''] : version.changes.map(changeText);
    return changes.map((change, index) =>
      index === 0 ? [...lead, change, ...tail] : ['', '', '', '', change, '', ''],
    );
  });
  return givesTable({ titles: ['Date', 'Change', 'By', 'Entry No', 'What', 'Effect', 'Entry'], rows, json: versions });
};

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

const synchronizer = ({ context }: Call<OptionTable>): Reply => {
  const { ledger, ledgerSync, network, policies, clock } = context;
  const addresses = new Map(network.peers().map(({ key, address }) => [key, address]));
  const names = new Map(
    context.topology().nodes.flatMap(({ peer, name }) => (peer === undefined ? [] : [[peer, name] as const])),
  );
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
    policies.book.ofType().length,
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
      peer.lastError ?? '',
    ]);
  const table = givesTable({
    titles: SYNC_TITLES,
    rows: [own, ...peers],
    json: {
      version: ledger.version,
      entries: ledger.size,
      policies: policies.book.ofType().length,
      peers: ledgerSync.peers(),
    },
  });
  return { ...table, text: `${table.text ?? ''}${foreignSeedLines(context)}` };
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

/** The ledger itself: who wrote what, whether it is sound, whether it is the same elsewhere. */
export const ledgerCommands = (): readonly Command[] => [
  define({
    patterns: ['blockchain history', 'blockchain get history'],
    method: 'GET',
    explanation: 'shows the life of a policy: who changed what and when, by which entry of the ledger',
    examples: ['blockchain history where id = 64999c0d4d8762f67f6fe4f120c7a54b'],
    options: idOption,
    run: history,
  }),
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
