import { localAddresses } from '../../base/host.ts';
import { FAILED_FILES_SHOWN_MS } from '../../base/limits.ts';
import { wasHandedOn } from '../../policy/authority/members.ts';
import { foreignSeeds } from '../commands/foreign-seeds.ts';
import type { CommandContext } from '../context.ts';
import { isRevoked, ownOperator, unreadTables } from '../facts.ts';
import { nodeNamer, nodeNames } from '../node-names.ts';
import type { HealthFacts, OperatorFacts } from './facts.ts';
import type { OwnPolicy } from './own-address.ts';
import { namedRefusals, refusing } from './refused.ts';
import { damageFor, failureFor, type MayReach, peerFor, textForAll } from './reach.ts';

/**
 * What is known of the node at this moment; asks nobody and waits for nothing. What tells of tables tells of those that
 * whoever asks may reach.
 */
export const healthFacts = (context: CommandContext, mayReach: MayReach): HealthFacts => {
  const { ledger, network, ledgerSync } = context;
  const topology = context.topology();
  const [names, nameOf] = [nodeNames(topology), nodeNamer(topology)];
  const refusals = namedRefusals(context);
  const refuse = refusing(refusals, ledger.network !== undefined);
  const cluster = ownOperator(context)?.cluster;
  const isKeyRotated = isRotated(context);
  // What peers do to a key that was handed on is said once, by that.
  const isTold = (peer: string | undefined): boolean => isKeyRotated || refuse.has(peer ?? '');
  return {
    disk: context.disk?.(),
    clock: context.watched?.().clock,
    ledger: ledger.status(),
    hasNetwork: ledger.network !== undefined,
    equivocations: ledger
      .equivocations()
      .map(({ author, seq }) => ({ name: nameOf(author), seq, own: author === ledger.author })),
    isKeyRotated,
    refusals: isKeyRotated ? [] : refusals,
    expelled: network.expelled().map(({ key, code, text }) => ({ name: nameOf(key), code, text })),
    address: { listen: network.address, local: localAddresses(), policies: ownPolicies(context) },
    foreignSeeds: foreignSeeds(context),
    // Nobody is to mend the way to one that was revoked.
    dialled: network
      .dialStates()
      .filter(({ key }) => !(isTold(key) || isRevoked(context, key)))
      .map((state) => ({ ...state, name: names.get(state.key ?? '') })),
    sync: ledgerSync
      .peers()
      .filter(({ peer }) => !isTold(peer))
      .map(({ peer, connected, behind, lastError }) => ({ name: nameOf(peer), connected, behind, lastError })),
    peers: (context.watched?.().peers ?? []).map((view) => ({
      ...view,
      name: nameOf(view.peer),
      inCluster: cluster !== undefined && topology.operatorByPeer(view.peer)?.cluster === cluster,
    })),
    operator: operatorFacts(context, mayReach, isTold),
    idleOperator: idleOperator(context),
    scriptFailure: context.startScript?.failure,
    threadFailures: [...(context.threadFailures?.values() ?? [])],
    receiptsDamaged: context.receipts
      .damages()
      .map(({ message, hint }) => ({ cause: message, nextStep: hint ?? 'look after the disk' })),
    tilesFailure: context.archiving?.tiles()?.failure,
    tablesUnread: unreadTables(context),
    historyNeeded: context.policies.pruning?.need()?.message,
  };
};

const isRotated = ({ policies: { members, book }, ledger: { author } }: CommandContext): boolean =>
  !members.isMember(author) && wasHandedOn(book.authority, author);

const ownPolicies = (context: CommandContext): readonly OwnPolicy[] =>
  context
    .topology()
    .nodes.filter(({ peer }) => peer === context.network.self)
    .map(({ id, type, ip, port }) => {
      const local = context.policies.book.get(id)?.value['local_ip'];
      return { id, type, port, hosts: [...new Set([ip, ...(typeof local === 'string' ? [local] : [])])] };
    });

/** A start script that is under way may be about to start it. */
const idleOperator = (context: CommandContext): string | undefined =>
  context.operator() === undefined && context.startScript?.running === undefined ? ownOperator(context)?.id : undefined;

const operatorFacts = (
  context: CommandContext,
  mayReach: MayReach,
  isTold: (peer: string | undefined) => boolean,
): OperatorFacts | undefined => {
  const operator = context.operator();
  if (operator === undefined) return undefined;
  const [distributor, consumer] = [context.distributor(), context.consumer()];
  const sharing = context.watched?.().sharing;
  const { operators } = context.topology();
  const { newest, ...failed } = operator.failing();
  const forAll = (text: string | undefined): string | undefined =>
    text === undefined ? undefined : textForAll(mayReach, text);
  const sinceMs = context.clock.wallMs() - FAILED_FILES_SHOWN_MS;
  return {
    filled: (sharing ?? consumer)?.filled ?? true,
    awaited: (sharing?.awaited ?? []).map(({ name }) => name),
    distributor: distributor !== undefined,
    consumer: consumer?.mode,
    peers: (sharing?.peers ?? (consumer ?? distributor)?.peers() ?? [])
      .filter((peer) => !isTold(operators.get(peer.operator)?.peer))
      .map(peerFor(mayReach)),
    // A file that came twice is no fault: its data are here. Nor is what was refused: its sender was told, and has it.
    failures: newest
      .filter(({ code, refused, time }) => !refused && code !== 'INGEST_DUPLICATE' && Date.parse(time) >= sinceMs)
      .map(failureFor(mayReach)),
    failed,
    watchFailure: forAll(operator.status().watchFailure),
    setAside: operator.status().setAside.map((path) => textForAll(mayReach, path)),
    damages: operator.store.damages().map(damageFor(mayReach)),
    dropFailure: forAll(operator.drops.failure),
    scrubError: forAll(context.scrubber()?.status().lastError),
  };
};
