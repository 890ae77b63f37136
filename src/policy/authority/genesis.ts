import { genesisSchema } from '../../entry/schema.ts';
import type { Fact } from '../facts.ts';
import type { GenesisRules } from './authority.ts';

/** What the genesis entry says of authority; its content was checked when it was parsed. */
export const genesisRules = ({ hash, content }: Fact): GenesisRules => {
  const { admission, roots } = genesisSchema.parse(content);
  return { network: hash, admission, roots: new Set(roots) };
};
