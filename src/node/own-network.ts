import { fault } from '../base/errors.ts';
import { genesisSchema } from '../entry/schema.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { NodeConfig } from './config.ts';

type Named = Pick<Ledger, 'network' | 'byHash' | 'createNetwork'>;
type Told = Pick<NodeConfig, 'network' | 'admission' | 'seeds' | 'dir'>;

/**
 * Makes the directory and the configuration agree: creates the network where `--network` asks for one and there is
 * none, leaves a directory that has one as it is, refuses one of another name, or with another rule for who joins.
 * `mayCreate` throws what else would end this start: a network that was created stays. `NODE_OTHER_NETWORK`,
 * `CONFIG_VALUE`.
 */
export const settleNetwork = async (ledger: Named, told: Told, mayCreate: () => Promise<void>): Promise<void> => {
  if (ledger.network !== undefined) return checkNetwork(ledger, ledger.network, told);
  const { network: wanted, admission, seeds } = told;
  if (wanted === undefined) {
    if (admission === undefined) return;
    throw fault('CONFIG_VALUE', `--admission ${admission} is for a network that is created, and --network names none`, {
      hint: 'to create one add --network NAME; who joins a network leaves --admission out',
    });
  }
  if (seeds.length > 0)
    throw fault('CONFIG_VALUE', `--network ${wanted} creates a network and --seed ${seeds.join(', ')} joins one`, {
      hint: 'give only one of the two to a node that starts for the first time',
    });
  await mayCreate();
  await ledger.createNetwork(wanted, admission ?? 'invite');
};

const checkNetwork = async (ledger: Named, hash: string, { network: wanted, admission, dir }: Told): Promise<void> => {
  if ((wanted ?? admission) === undefined) return;
  const held = genesisSchema.safeParse((await ledger.byHash(hash))?.entry.content).data;
  // Its line is damaged: this node has to start to take it back from its peers.
  if (held === undefined) return;
  if (wanted !== undefined && wanted !== held.name)
    throw fault(
      'NODE_OTHER_NETWORK',
      `the directory ${dir} belongs to the network "${held.name}", not to "${wanted}"`,
      {
        hint: 'start it with another --dir, or without --network',
        data: { dir, held: held.name, wanted },
      },
    );
  if (admission !== undefined && admission !== held.admission)
    throw fault(
      'CONFIG_VALUE',
      `--admission ${admission}: the network "${held.name}" has --admission ${held.admission}, for good`,
      {
        hint: 'leave --admission out; for a network with another rule create one in another --dir',
      },
    );
};
