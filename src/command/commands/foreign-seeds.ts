import type { CommandContext } from '../context.ts';

/** A node that this one was told to dial and that belongs to another network. */
export interface ForeignSeed {
  readonly address: string;
  /** Id of its network. */
  readonly network: string;
}

export const foreignSeeds = ({ ledgerSync }: CommandContext): readonly ForeignSeed[] =>
  ledgerSync
    .peers()
    .flatMap(({ foreign }) =>
      foreign?.dialled === true ? [{ address: foreign.address, network: foreign.network }] : [],
    );

/** One line each. Without the signs of a table, and without the letters "not", which clients take for a bad status. */
export const foreignSeedLines = (context: CommandContext): string =>
  foreignSeeds(context)
    .map(
      ({ address, network }) =>
        `\nDifferent network: ${/not/i.test(address) ? 'a seed' : address} belongs to the network ${network}, this node to ` +
        `${context.ledger.network ?? 'none'}. Start it without that seed and take the address out of peers.json, ` +
        'or start with a different --dir to join that network',
    )
    .join('')
    .replaceAll('|', ' ');
