import { existsSync } from 'node:fs';
import { copyFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { sleep } from '../base/clock.ts';
import { asFault, fault } from '../base/errors.ts';
import { syncDirectory } from '../base/files.ts';
import { TAKE_OVER_RETRY_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { CommandContext } from '../command/context.ts';
import { signingKeyFromSeed, signWith } from '../entry/keys.ts';
import type { Policies } from '../policy/policies.ts';
import { loadIdentity } from './identity.ts';
import type { NodePaths } from './paths.ts';

type KeyFiles = Pick<NodePaths, 'key' | 'nextKey' | 'formerKey'>;

/**
 * Hands what the node holds to a new key and puts that into the place of the old one for the next start; the old is
 * kept beside it. The new key is on disk before the ledger names it, and a rotation that was broken off is ended by the
 * next: the same key is used again. `POLICY_NOT_AUTHORISED`.
 */
export const rotateKey = async (
  { key: path, nextKey, formerKey }: KeyFiles,
  { members }: Pick<Policies, 'members'>,
): Promise<string> => {
  const { seed, key } = await loadIdentity(nextKey);
  const next = signingKeyFromSeed(seed);
  await members.rotate(key, (text) => Buffer.from(signWith(next, Buffer.from(text))).toString('hex'));
  await putInPlace({ key: path, nextKey, formerKey });
  return key;
};

const putInPlace = async ({ key, nextKey, formerKey }: KeyFiles): Promise<void> => {
  await copyFile(key, formerKey);
  await rename(nextKey, key);
  await syncDirectory(dirname(key));
};

/**
 * Ends a rotation that was broken off after the ledger had it and before the new key was in its place: with the old one
 * the node could write nothing. Throws `NODE_KEY_ROTATED` where it did that; the node is then to be started anew, with
 * the key that it has now.
 */
export const endRotation = async (
  files: KeyFiles,
  { members }: Pick<Policies, 'members'>,
  ownKey: string,
): Promise<void> => {
  if (!existsSync(files.nextKey) || members.isMember(ownKey)) return;
  const { key } = await loadIdentity(files.nextKey);
  if (!members.isMember(key)) return;
  await putInPlace(files);
  throw fault('NODE_KEY_ROTATED', `the rotation to the key ${key}, which was broken off, is complete now`);
};

/**
 * Writes the own key into the node policies of the keys that this node had before; at once where there are none. Tries
 * until it is done: right after a start the peers may not be reached, and nothing may be written yet. Never rejects.
 */
export const takeOwnPolicies = async (
  { policies, topology, network, clock }: Pick<CommandContext, 'policies' | 'topology' | 'network' | 'clock'>,
  { formerKey }: Pick<NodePaths, 'formerKey'>,
  signal: AbortSignal,
  log: Logger,
): Promise<void> => {
  // A key that replaces a lost one takes its policy over by a recovery: the files have to come back first.
  if (!existsSync(formerKey)) return;
  let said = '';
  while (!signal.aborted) {
    const former = new Set(policies.members.former());
    const [node] = topology().nodes.filter(({ peer }) => peer !== undefined && former.has(peer));
    if (node?.peer === undefined) return;
    try {
      await policies.update(node.id, { peer: network.self, replaces: node.peer });
      log.info(`the policy ${node.id} of ${node.name} carries the new key now`);
    } catch (caught) {
      const { message } = asFault(caught);
      if (message !== said) log.warn(`the policy ${node.id} does not carry the new key yet: ${message}; trying on`);
      said = message;
      await sleep(clock, TAKE_OVER_RETRY_MS, signal).catch(() => {});
    }
  }
};
