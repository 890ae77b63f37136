import { createLogger, type LogRecord } from '../../src/base/log.ts';
import type { RawEntry } from '../../src/entry/entry.ts';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import { createMemoryLedger, type MemoryLedger } from '../../src/ledger/memory-ledger.ts';
import { createMemoryHub } from '../../src/network/memory.ts';
import type { Network } from '../../src/network/network.ts';
import { joinEntry } from '../../src/policy/admission/entry.ts';
import { decodeJoinAnswer, type JoinAnswer } from '../../src/policy/admission/messages.ts';
import { Introductions } from '../../src/policy/introduction/introductions.ts';
import { INTRODUCE_PROTOCOL } from '../../src/policy/introduction/messages.ts';
import { createPolicies } from '../../src/policy/ledger-policies.ts';
import type { Policies } from '../../src/policy/policies.ts';
import { createSeededRandom } from './seeded-random.ts';
import { createVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** A node that has nothing but what an introduction needs. */
export interface IntroducingNode {
  /** Of its key. */
  readonly seed: Uint8Array;
  readonly ledger: MemoryLedger;
  readonly policies: Policies;
  readonly network: Network;
  readonly introductions: Introductions;
  readonly logged: LogRecord[];
}

/** Nodes of one network of invites under virtual time, on a memory network; sync is done by hand. */
export interface IntroductionWorld {
  readonly clock: VirtualClock;
  /** Made the network. */
  readonly root: IntroducingNode;
  start(number: number): Promise<IntroducingNode>;
  entriesOf(node: IntroducingNode): Promise<readonly RawEntry[]>;
  /** Takes up all that another node holds, as sync does. */
  takeUp(node: IntroducingNode, from: IntroducingNode): Promise<void>;
  /** Makes a node a member by an invite of another's; who knows of it is told by `takeUp`. */
  letIn(node: IntroducingNode, by: IntroducingNode, grants?: boolean, lifeMs?: number): Promise<void>;
  meet(node: IntroducingNode, other: IntroducingNode): Promise<void>;
  settled(done: () => boolean): Promise<void>;
  ask(from: IntroducingNode, to: IntroducingNode, frame: Uint8Array): Promise<JoinAnswer>;
  close(): Promise<void>;
}

export const keySeedOf = (number: number): Uint8Array => Buffer.alloc(32, number);

export const isPeer = (node: IntroducingNode, other: IntroducingNode): boolean =>
  node.network.peers().some(({ key }) => key === other.network.self);

export const createIntroductionWorld = async (): Promise<IntroductionWorld> => {
  const clock = createVirtualClock();
  const hub = createMemoryHub({ clock, random: createSeededRandom(1) });
  const nodes: IntroducingNode[] = [];

  const start = async (number: number): Promise<IntroducingNode> => {
    const ledger = await createMemoryLedger({ seed: keySeedOf(number), clock });
    const policies = createPolicies({ ledger, ownKey: ledger.author, clock, holders: () => new Set() });
    const network = hub.node({ key: ledger.author });
    const logged: LogRecord[] = [];
    const log = createLogger((record) => logged.push(record));
    const introductions = new Introductions({ network, ledger, policies, clock, log, isJoining: () => false });
    network.setGate({
      isMember: (key) => policies.members.mayConnect(key) || introductions.isIntroduced(key),
      guestProtocols: new Set([INTRODUCE_PROTOCOL]),
    });
    policies.notices.on('members:changed', () => network.recheck());
    const node = { seed: keySeedOf(number), ledger, policies, network, introductions, logged };
    nodes.push(node);
    return node;
  };
  const entriesOf = async ({ ledger }: IntroducingNode): Promise<readonly RawEntry[]> =>
    (await ledger.follow(0, 1_000)).map(({ entry }) => entry.raw);
  const takeUp = async (node: IntroducingNode, from: IntroducingNode): Promise<void> => {
    await node.ledger.offer(await entriesOf(from), from.ledger.author);
    node.ledger.allowAppend();
    await node.policies.caughtUp();
  };
  const letIn = async (node: IntroducingNode, by: IntroducingNode, grants = false, lifeMs = 60_000): Promise<void> => {
    const key = Buffer.alloc(32, 90 + by.policies.members.invites().length);
    const expires = (clock.wallMs() + lifeMs) * 1_000;
    const wish = { roles: ['auditor' as const], scope: {}, grants, name: undefined, expires };
    const { entry } = await by.policies.members.invite({ ...wish, key: signingKeyFromSeed(key).author });
    const { hash, header } = entry;
    const token = { net: header.net, name: 'n', seeds: [], grant: hash, time: header.time, roles: wish.roles, expires };
    const joiner = signingKeyFromSeed(node.seed);
    await clock.advance(1);
    const made = { nowMicros: clock.wallMs() * 1_000, salt: new Uint8Array(16), name: 'x' };
    await by.ledger.offer([joinEntry(joiner, { ...token, key: key.toString('hex') }, made).raw], joiner.author);
    await by.policies.caughtUp();
    await takeUp(node, by);
  };
  const meet = async (node: IntroducingNode, other: IntroducingNode): Promise<void> => {
    await clock.runWhile(node.network.dial({ address: other.network.address }), 1_000);
  };
  const settled = (done: () => boolean): Promise<void> => clock.runUntil(done, 4_000);
  const ask = async (from: IntroducingNode, to: IntroducingNode, frame: Uint8Array): Promise<JoinAnswer> =>
    decodeJoinAnswer(
      await clock.runWhile(
        from.network.request(to.network.self, INTRODUCE_PROTOCOL, frame, { timeoutMs: 4_000 }),
        5_000,
      ),
    );

  const root = await start(1);
  await root.ledger.createNetwork('n', 'invite');
  await root.policies.caughtUp();
  const close = async (): Promise<void> => {
    for (const { introductions, network, policies } of nodes) {
      await introductions.close();
      await network.close();
      await policies.close();
    }
  };
  return { clock, root, start, entriesOf, takeUp, letIn, meet, settled, ask, close };
};
