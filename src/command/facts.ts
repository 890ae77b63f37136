import { splitAddress } from '../base/host.ts';
import type { JsonValue } from '../codec/json.ts';
import { wasRevoked } from '../policy/authority/members.ts';
import type { OperatorInfo } from '../topology/topology.ts';
import type { CommandContext } from './context.ts';

/** The operator policy of this node: the one that carries its key. */
export const ownOperator = (context: CommandContext): OperatorInfo | undefined =>
  context.topology().operatorByPeer(context.network.self);

/** Whether a key was revoked: the policies of its node stay, but it is asked nothing and counts for nothing. */
export const isRevoked = (
  { policies: { members, book } }: Pick<CommandContext, 'policies'>,
  key: string | undefined,
): boolean => key !== undefined && !members.mayConnect(key) && wasRevoked(book.authority, key);

/** The variables that scripts use without assigning them; undefined where the node does not know (yet). */
export const nodeVariables = (context: CommandContext): Readonly<Record<string, JsonValue | undefined>> => {
  const { facts, network } = context;
  const { host, port } = splitAddress(network.address);
  const rest = facts.restAddress();
  const own = ownOperator(context);
  const { directories } = facts;
  return {
    anylog_path: directories.root,
    archive_dir: directories.archive,
    anylog_server_port: port,
    anylog_rest_port: rest === undefined ? undefined : splitAddress(rest).port,
    bkup_dir: directories.backup,
    blockchain_dir: directories.ledger,
    cluster_id: own?.cluster,
    company_name: facts.company,
    dbms_dir: directories.databases,
    distr_dir: directories.distribution,
    err_dir: directories.error,
    external_ip: own?.ip ?? host,
    hostname: facts.hostname,
    ip: own?.localIp ?? host,
    // There is no master: whoever names one means the ledger, which every node holds. Scripts and the GUI need the
    // name.
    ledger_conn: network.address,
    local_scripts: directories.scripts,
    master_node: network.address,
    member: own?.member,
    node_id: network.self,
    node_name: facts.name,
    operator_policy: own?.id,
    operator_policy_id: own?.id,
    prep_dir: directories.prep,
    version: versionText(facts.version),
    watch_dir: directories.watch,
  };
};

/** Scripts test the first word. */
export const versionText = (version: string): string => `AnyLog Version: Holdfast ${version}`;

/** Why the columns of tables cannot be read from their policies, one sentence each. */
export const unreadTables = ({ topology }: Pick<CommandContext, 'topology'>): readonly string[] =>
  topology()
    .tables()
    .flatMap(({ unread }) => (unread === undefined ? [] : [unread.message]));
