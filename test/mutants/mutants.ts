import { doors } from './doors.ts';
import { entry } from './entry.ts';
import { erasures } from './erasures.ts';
import { journal } from './journal.ts';
import { ledger } from './ledger.ts';
import { network } from './network.ts';
import { node } from './node.ts';
import { operator } from './operator.ts';
import { policy } from './policy.ts';
import { query } from './query.ts';
import { receipt } from './receipt.ts';
import { replication } from './replication.ts';
import { rest } from './rest.ts';
import { rights } from './rights.ts';
import type { Mutant } from './mutant.ts';

/** Every bug that is planted, by floor. */
export const MUTANTS: readonly Mutant[] = [
  ...ledger,
  ...journal,
  ...entry,
  ...receipt,
  ...policy,
  ...erasures,
  ...node,
  ...operator,
  ...replication,
  ...query,
  ...network,
  ...rest,
  ...rights,
  ...doors,
];
