import { archiveCommands } from './archives.ts';
import type { CommandGroup } from '../registry.ts';
import { accessCommands } from './access.ts';
import { auditCommands } from './audit.ts';
import { backupCommands } from './backup.ts';
import { bundleCommands } from './bundle.ts';
import { clusterCommands } from './cluster.ts';
import { clusterDataCommands } from './cluster-data.ts';
import { clusterTestCommands } from './cluster-tests.ts';
import { conflictCommands } from './conflicts.ts';
import { dataDistributionCommands } from './data-distribution.ts';
import { databaseCommands } from './databases.ts';
import { dictionaryCommands } from './dictionary.ts';
import { equivocationCommands } from './equivocations.ts';
import { diskCommands } from './disk.ts';
import { erasureCommands } from './erasures.ts';
import { frontierCommands } from './frontier.ts';
import { helpCommands } from './help.ts';
import { historyCommands } from './history.ts';
import { ledgerCommands } from './ledger.ts';
import { ledgerDiffCommands } from './ledger-diff.ts';
import { ledgerLogCommands } from './ledger-log.ts';
import { memberCommands } from './members.ts';
import { networkClusterCommands } from './network-clusters.ts';
import { networkTestCommands } from './network-tests.ts';
import { nodeCommands } from './node.ts';
import { operatorCommands } from './operator.ts';
import { operatorStatusCommands } from './operator-status.ts';
import { permissionCommands } from './permissions.ts';
import { policyCheckCommands } from './policy-checks.ts';
import { policyCommands } from './policies.ts';
import { policyGetCommands } from './policy-get.ts';
import { policyVariableCommands } from './policy-variables.ts';
import { pruningCommands } from './pruning.ts';
import { queryCommands } from './queries.ts';
import { receiptCommands } from './receipts.ts';
import { replicationStatusCommands } from './replication-status.ts';
import { scriptCommands } from './scripts.ts';
import { scrubCommands } from './scrub.ts';
import { snapshotCommands } from './snapshots.ts';
import { streamingCommands } from './streaming.ts';
import { sqlCommands } from './sql.ts';
import { tsdCommands } from './tsd.ts';
import { validateCommands } from './validate.ts';

/** The table of commands, as `help` shows it; assignments are grammar, and stand in `grammar/line.ts`. */
export const allCommands = (): readonly CommandGroup[] => [
  {
    about: 'Policies',
    commands: [
      ...policyGetCommands(),
      ...policyCommands(),
      ...policyCheckCommands(),
      ...policyVariableCommands(),
      ...ledgerCommands(),
    ],
  },
  {
    about: 'The past',
    commands: [
      ...historyCommands(),
      ...frontierCommands(),
      ...ledgerDiffCommands(),
      ...conflictCommands(),
      ...equivocationCommands(),
      ...ledgerLogCommands(),
      ...erasureCommands(),
      ...snapshotCommands(),
      ...pruningCommands(),
      ...archiveCommands(),
    ],
  },
  { about: 'Proof', commands: [...auditCommands(), ...receiptCommands(), ...bundleCommands()] },
  {
    about: 'Who may',
    commands: [...memberCommands(), ...permissionCommands(), ...validateCommands(), ...accessCommands()],
  },
  {
    about: 'Cluster',
    commands: [
      ...clusterCommands(),
      ...clusterTestCommands(),
      ...clusterDataCommands(),
      ...dataDistributionCommands(),
      ...networkTestCommands(),
      ...networkClusterCommands(),
    ],
  },
  {
    about: 'Data',
    commands: [
      ...operatorCommands(),
      ...operatorStatusCommands(),
      ...replicationStatusCommands(),
      ...streamingCommands(),
      ...tsdCommands(),
      ...scrubCommands(),
      ...databaseCommands(),
      ...sqlCommands(),
      ...queryCommands(),
    ],
  },
  {
    about: 'Node',
    commands: [
      ...nodeCommands(),
      ...diskCommands(),
      ...backupCommands(),
      ...dictionaryCommands(),
      ...scriptCommands(),
      ...helpCommands(),
    ],
  },
];
