import { joinAddress } from '../base/host.ts';
import type { CommandContext } from '../command/context.ts';
import { type CommandExecutor, createSession } from '../command/executor.ts';
import { ownOperator } from '../command/facts.ts';
import { PeerWatch } from '../command/health/peer-watch.ts';
import type { NodeInfo } from '../topology/topology.ts';

/** Asks the connected nodes that have a policy how they are, those of the own cluster first. */
export const watchPeers = (context: CommandContext, executor: CommandExecutor): PeerWatch => {
  const { clock, network } = context;
  const connected = (): readonly NodeInfo[] => {
    const keys = new Set(network.peers().map(({ key }) => key));
    const topology = context.topology();
    const cluster = ownOperator(context)?.cluster;
    const isNear = ({ peer }: NodeInfo): boolean =>
      cluster !== undefined && peer !== undefined && topology.operatorByPeer(peer)?.cluster === cluster;
    const reached = topology.nodes.filter(({ peer }) => peer !== undefined && keys.has(peer));
    return [...reached.filter(isNear), ...reached.filter((node) => !isNear(node))];
  };
  return new PeerWatch({
    clock,
    connected: () => [...new Set(connected().flatMap(({ peer }) => peer ?? []))],
    async ask(peer, timeoutMs) {
      const node = connected().find((candidate) => candidate.peer === peer);
      const to = `${joinAddress({ host: node?.ip ?? '', port: node?.port ?? 0 })}, timeout = ${timeoutMs}ms`;
      const text = `run client (${to}) get status where format = json`;
      return (await executor.execute({ text, format: 'json', session: createSession() })).json;
    },
  });
};
