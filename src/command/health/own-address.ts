import { splitAddress } from '../../base/host.ts';

/** A policy that says where this node is. */
export interface OwnPolicy {
  readonly id: string;
  readonly type: string;
  /** Its `ip` and `local_ip`, as far as it has them. */
  readonly hosts: readonly string[];
  readonly port: number;
}

/** What tells whether the policies that name this node lead to it. */
export interface OwnAddress {
  /** `HOST:PORT` as bound. */
  readonly listen: string;
  /** Of this machine. */
  readonly local: readonly string[];
  readonly policies: readonly OwnPolicy[];
}

/** Listens at all addresses of the machine. */
const EVERYWHERE: ReadonlySet<string> = new Set(['0.0.0.0', '::']);

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/**
 * What has to change in a policy so that it leads here; undefined where it does, or where that cannot be known (a
 * translated address).
 */
const change = ({ listen, local }: OwnAddress, { hosts, port }: OwnPolicy): object | undefined => {
  const at = splitAddress(listen);
  const { host } = at;
  const mine = hosts.map(bare).filter((of) => of === host || local.includes(of));
  const [ofNobody, reached] = [mine.length === 0, mine.some((of) => EVERYWHERE.has(host) || of === host)];
  if (ofNobody || (reached && port === at.port)) return undefined;
  return { ...(reached ? {} : { ip: host }), ...(port === at.port ? {} : { port: at.port }) };
};

/** One cause for each policy by which other nodes call this one where it does not listen. */
export const wrongAddresses = (facts: OwnAddress): readonly { readonly cause: string; readonly nextStep: string }[] =>
  facts.policies.flatMap((policy) => {
    const wanted = change(facts, policy);
    if (wanted === undefined) return [];
    const { id, type, hosts, port } = policy;
    return [
      {
        cause: `the ${type} policy ${id} says that this node is at ${hosts.join(' or ')}, port ${port}, and it listens on ${facts.listen}: other nodes call it in vain`,
        nextStep: `start it with the --listen that the policy names, or: blockchain update where id = ${id} and policy = ${JSON.stringify({ [type]: wanted })}`,
      },
    ];
  });
