import type { ArchiveSource } from '../../ledger/archive/client.ts';
import type { TilesStatus } from '../../receipt/tiles/tiles-service.ts';
import { heldJson, heldText } from '../held.ts';
import type { OptionTable } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import type { Cell } from '../table.ts';
import { count, shortKey } from './common.ts';

/** Why it is listed, in words that do not promise what nobody has checked. */
const groundOf = ({ role, says }: ArchiveSource): string =>
  [...(role ? ['role archive'] : []), ...(says ? ['says so'] : [])].join(', ');

/**
 * Who was exchanged with since the start, and is gone, is away; of another nothing is known but what the ledger says.
 */
const stateOf = ({ connected }: ArchiveSource, isMet: boolean): 'connected' | 'away' | 'never met' =>
  connected ? 'connected' : isMet ? 'away' : 'never met';

const rowOf = (source: Listed): readonly Cell[] => [
  source.name ?? shortKey(source.key),
  groundOf(source),
  source.state,
  source.lacked ? 'lacked something' : '',
  source.key,
];

interface Listed extends ArchiveSource {
  readonly state: ReturnType<typeof stateOf>;
}

const tilesText = ({ dir, published, signed, absent, bodiless, damaged, failure }: TilesStatus): string =>
  [
    `static files in ${dir}: ${published} of ${count(signed, 'entry', 'entries')}, ${bodiless} without body`,
    ...(absent === 0 ? [] : [`${absent} not held here`]),
    ...(damaged === 0 ? [] : [`${count(damaged, 'damaged line', 'damaged lines')} written anew`]),
    ...(failure === undefined ? [] : [`not written just now: ${failure}`]),
  ].join(', ');

const getArchives = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const peers = context.ledgerSync.peers();
  const met = new Set(peers.flatMap(({ peer, lastExchangeMs }) => (lastExchangeMs === undefined ? [] : [peer])));
  const sources = (context.archiving?.sources() ?? []).map((source) => ({
    ...source,
    state: stateOf(source, met.has(source.key)),
  }));
  const behind = Math.max(0, ...peers.map((peer) => peer.behind));
  const { missing } = context.ledger.status().bodies;
  const tiles = context.archiving?.tiles();
  const late =
    behind === 0
      ? []
      : [`others hold ${count(behind, 'entry', 'entries')} that are still to come here: get synchronizer`];
  const lacks = missing === 0 ? [] : [`this node lacks ${count(missing, 'body', 'bodies')} that it should have`];
  return givesTable({
    above: [
      ...late,
      ...lacks,
      heldText(context),
      tiles === undefined ? 'it keeps no static files' : tilesText(tiles),
    ].join('\n'),
    titles: ['Node', 'Known By', 'State', 'Lately', 'Key'],
    rows: sources.map(rowOf),
    json: {
      missing,
      behind,
      history: heldJson(context),
      tiles: tiles === undefined ? null : { ...tiles, failure: tiles.failure ?? null },
      archives: sources.map(({ name, ...rest }) => ({ name: name ?? null, ...rest })),
    },
  });
};

/** Who keeps the whole history. */
export const archiveCommands = (): readonly Command[] => [
  define({
    patterns: ['get archives'],
    method: 'GET',
    explanation:
      'says whether this node keeps everything, also as static files (--tiles DIR, or the role archive), and lists the nodes that keep the bodies of all entries: those with the role archive, and connected ones that say so (what they give is checked, that they have all is not); they are asked in this order',
    examples: ['get archives', 'get archives where format = json'],
    run: getArchives,
  }),
];
