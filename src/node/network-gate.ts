import type { EventEmitter } from 'node:events';
import { systemClock } from '../base/clock.ts';
import type { ResourceStack } from '../base/lifecycle.ts';
import type { Logger } from '../base/log.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { Network } from '../network/network.ts';
import { JOIN_PROTOCOL } from '../policy/admission/messages.ts';
import { openDoor } from '../policy/admission/protocol.ts';
import { Introductions } from '../policy/introduction/introductions.ts';
import { INTRODUCE_PROTOCOL } from '../policy/introduction/messages.ts';
import type { Policies } from '../policy/policies.ts';
import type { NodeConfig } from './config.ts';

interface GatePorts {
  readonly network: Network;
  readonly ledger: Ledger;
  readonly policies: Policies;
  /** Told the address of a seed that belongs to another network. */
  readonly foreign: EventEmitter<{ seed: [string] }>;
  readonly log: Logger;
}

/**
 * Members connect, others may redeem an invite or show that they are members; who loses its grant is dropped at once.
 */
export const guardNetwork = (
  stack: ResourceStack,
  { network, ledger, policies, foreign, log }: GatePorts,
  { invite }: NodeConfig,
): Introductions => {
  const introductions = stack.use(
    new Introductions({
      ...{ network, ledger, policies, log },
      onForeignSeed: (address) => foreign.emit('seed', address),
      clock: systemClock,
      isJoining: () =>
        invite !== undefined && (ledger.network === undefined || !policies.members.isMember(ledger.author)),
    }),
  );
  openDoor({
    ...{ network, ledger },
    clock: systemClock,
    authority: policies.book.authority,
    caughtUp: () => policies.caughtUp(),
  });
  network.setGate({
    isMember: (key) => policies.members.mayConnect(key) || introductions.isIntroduced(key),
    guestProtocols: new Set([JOIN_PROTOCOL, INTRODUCE_PROTOCOL]),
  });
  policies.notices.on('members:changed', () => network.recheck());
  return introductions;
};
