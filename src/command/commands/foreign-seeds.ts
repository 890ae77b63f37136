import type { CommandContext } from '../context.ts';

/** A node that this one was told to dial and that belongs to another network. */
export interface ForeignSeed {
  readonly address: string;
  /** Id of its network. */
  readonly network: string;
}

/** As the exchange of the ledger found out, or as the seed told when it did not let this node in. */
export const foreignSeeds = ({ ledgerSync, refusals }: CommandContext): readonly ForeignSeed[] => {
  const found = new Map<string, ForeignSeed>();
  for (const { peer, dialled, address, network } of refusals?.() ?? [])
    if (dialled && network !== undefined) found.set(peer, { address, network });
  for (const { peer, foreign } of ledgerSync.peers())
    if (foreign?.dialled === true) found.set(peer, { address: foreign.address, network: foreign.network });
  return [...found.values()];
};

/** One line each. Without the signs of a table, and without the letters "not", which clients take for a bad status. */
export const foreignSeedLines = (context: CommandContext): string =>
  foreignSeeds(context)
    .map(
      ({ address, network }) =>
        `\nDifferent network: ${/not/i.test(address) ? 'a seed' : address} belongs to the network ${network}, this node to ` +
        `${context.ledger.network ?? 'none'}. Start this node without that seed, or with a different --dir to join that network`,
    )
    .join('')
    .replaceAll('|', ' ');
