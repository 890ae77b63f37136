import { systemClock } from '../base/clock.ts';
import type { DiskHealth } from '../base/disk.ts';
import type { Logger } from '../base/log.ts';
import { systemRandom } from '../base/random.ts';
import { StateFile } from '../base/state-file.ts';
import type { Policies } from '../policy/policies.ts';
import type { NodeConfig } from './config.ts';
import { calledOtherwise, hasJoined, inviteUnused, joinByInvite, type JoiningPorts } from './joining.ts';
import { unlessArchived } from './parts.ts';
import type { NodePaths } from './paths.ts';
import { remember } from './remember.ts';

interface Ports extends Pick<JoiningPorts, 'key' | 'ledger' | 'ledgerSync' | 'network'> {
  readonly policies: Policies;
  readonly disk: DiskHealth;
}

interface Outside {
  readonly log: Logger;
  readonly stop: AbortSignal;
  /** Throws what will keep REST from listening. */
  readonly tryRest: () => Promise<void>;
}

/**
 * What stays after an invite is used up has to stand before: that REST can listen, and what this start was told, since
 * the next one has no reason to say it again.
 */
const beforeJoining = async (
  { network, disk }: Ports,
  config: NodeConfig,
  { start }: Pick<NodePaths, 'start'>,
  { log, stop, tryRest }: Outside,
): Promise<void> => {
  await tryRest();
  // It is set aside once, by the start that has come to its end.
  if (config.rememberedIsDamaged) return;
  const file = new StateFile(start, { clock: systemClock, disk, log });
  try {
    await remember(file, config, { network, log }, stop);
  } finally {
    await file.close();
  }
};

/** Joins by the invite that this start was given, if any; a node that has joined before says what became of it. */
export const joinNetwork = async (
  ports: Ports,
  config: NodeConfig,
  paths: Pick<NodePaths, 'start' | 'join'>,
  outside: Outside,
): Promise<void> => {
  const { key, ledger, ledgerSync, network, policies } = ports;
  const { invite: token, name } = config;
  if (token === undefined) return;
  const log = outside.log.child('join');
  const { members } = policies;
  if (hasJoined({ ledger, token, key })) {
    const self = { keys: [key.author, ...members.former()], isMember: members.isMember(key.author) };
    const unused = inviteUnused(members.list(), self, token.grant);
    if (unused !== undefined) log.warn(unused.text, { hint: unused.hint });
  } else {
    await beforeJoining(ports, config, paths, outside);
    await joinByInvite({
      ...{ key, ledger, ledgerSync, network, path: paths.join, name, token, log },
      ...{ clock: systemClock, random: systemRandom, signal: outside.stop },
    });
  }
  await policies.caughtUp().catch(unlessArchived);
  const otherwise = calledOtherwise(members.list(), ledger.author, name);
  if (otherwise !== undefined) log.warn(otherwise);
};
