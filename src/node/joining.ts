import { readFile, rm } from 'node:fs/promises';
import { z } from 'zod';
import { type Clock, sleep } from '../base/clock.ts';
import { asFault, fault, systemCode, textOf } from '../base/errors.ts';
import { writeFileDurably } from '../base/files.ts';
import { JOIN_PROGRESS_MS, JOIN_RETRY_MS } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Random } from '../base/random.ts';
import { parseEntry } from '../entry/check.ts';
import type { RawEntry } from '../entry/entry.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerSync } from '../ledger/sync/sync.ts';
import type { Network, PeerKey } from '../network/network.ts';
import { joinEntry } from '../policy/admission/entry.ts';
import { askToJoin } from '../policy/admission/protocol.ts';
import type { InviteToken } from '../policy/admission/token.ts';
import type { Membership } from '../policy/authority/members.ts';
import { hasJournal, type NodePaths } from './paths.ts';

/** The invite, who comes with it, and the parts of the node that let it in. */
export interface JoiningPorts {
  readonly token: InviteToken;
  readonly key: SigningKey;
  /** The node's name, for the others until it has a policy. */
  readonly name: string;
  readonly ledger: Ledger;
  readonly ledgerSync: LedgerSync;
  readonly network: Network;
  /** File that keeps the join from its making until it has come back with the ledger. */
  readonly path: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

/**
 * Redeems the invite at whichever peer answers, and takes up the network's ledger. Keeps trying while nobody can be
 * reached. `NODE_OTHER_NETWORK`, `NODE_START_STOPPED`, and what the peers refuse with: `JOIN_INVITE_REDEEMED`,
 * `JOIN_INVITE_EXPIRED` …
 */
export const joinByInvite = async (ports: JoiningPorts): Promise<void> => {
  const { token, path, log, signal } = ports;
  const entry = await keptEntry(ports);
  log.info(`joining the network ${token.name}`, { seeds: token.seeds });
  const progress = new JoinProgress(ports);
  let said = '';
  while (!hasJoined(ports)) {
    stopIfAsked(signal);
    let reason = await askAll(ports, entry);
    if (reason === undefined) await takeUp(ports, progress);
    if (hasJoined(ports)) break;
    reason ??= clockBehind(ports);
    if (reason !== undefined && reason !== '' && reason !== said) log.warn(`not let in yet: ${reason}; trying on`);
    said = reason ?? said;
    await pause(ports);
  }
  await rm(path, { force: true });
  log.info(`joined the network ${token.name}`);
};

/**
 * What is to be said where the invite names the node otherwise than its start does; undefined where it does not. Pure.
 */
export const calledOtherwise = (
  members: readonly Pick<Membership, 'key' | 'name'>[],
  key: string,
  name: string,
): string | undefined => {
  const called = members.find((member) => member.key === key)?.name;
  return called === undefined || called === name
    ? undefined
    : `the invite calls this node ${called}, and it was started with the name ${name}: the others call it ${called} (get members, revoke member) until a policy with its key says otherwise`;
};

/**
 * What is to be said where a node that is in the network already is started with an invite to it; undefined where it is
 * the one that let it in. A member redeems no other: the line may be meant for another node, and would be used up. Pure.
 */
export const inviteUnused = (
  members: readonly Pick<Membership, 'key' | 'invite'>[],
  self: { readonly keys: readonly string[]; readonly isMember: boolean },
  grant: string,
): { readonly text: string; readonly hint: string } | undefined => {
  if (members.some(({ key, invite }) => invite === grant && self.keys.includes(key))) return undefined;
  return self.isMember
    ? {
        text: 'the invite was not used, and stays as it is: this node is a member already, and goes on with what it was granted (get permissions)',
        hint: `start without --invite and HOLDFAST_INVITE; to let this node write more, assign its key permissions with roles; the invite is for another node, or ends by: delete invite where id = ${grant}`,
      }
    : {
        text: 'the invite was not used, and stays as it is: this directory belongs to a key that is a member no more',
        hint: 'start with the same invite in a new directory: --dir NEW --invite LINE',
      };
};

/** Waits for a little, or until the node is told to stop. */
const pause = async ({ clock, signal }: Pick<JoiningPorts, 'clock' | 'signal'>): Promise<undefined> => {
  await sleep(clock, JOIN_RETRY_MS, signal).catch(() => {
    // Whoever goes on looks at the signal.
  });
};

/**
 * One exchange with each peer, as long as it takes; says how far it is. It is not waited for when the node is told to
 * stop.
 */
const takeUp = async (ports: JoiningPorts, progress: JoinProgress): Promise<void> => {
  const exchange = ports.ledgerSync.syncNow().then(() => 'over' as const);
  for (let state: 'over' | undefined; state === undefined && !hasJoined(ports);) {
    state = await Promise.race([exchange, pause(ports)]);
    stopIfAsked(ports.signal);
    progress.look();
  }
};

/** What a node tells that was let in and waits for the ledger. */
class JoinProgress {
  readonly #ports: Pick<JoiningPorts, 'ledger' | 'ledgerSync' | 'clock' | 'log'>;
  #size = 0;
  #saidMs: number;
  #movedMs: number;
  #isStuck = false;

  constructor(ports: Pick<JoiningPorts, 'ledger' | 'ledgerSync' | 'clock' | 'log'>) {
    this.#ports = ports;
    this.#saidMs = this.#movedMs = ports.clock.monotonicMs();
  }

  /**
   * Says how many entries are here, now and then while they become more; and once what is lacking where they do not.
   */
  look(): void {
    const { ledger, clock, log } = this.#ports;
    // A clock that is behind has its own words.
    if (ledger.status().heldBack > 0) return;
    const nowMs = clock.monotonicMs();
    if (ledger.size > this.#size) {
      this.#size = ledger.size;
      this.#movedMs = nowMs;
      this.#isStuck = false;
      if (nowMs - this.#saidMs < JOIN_PROGRESS_MS) return;
      this.#saidMs = nowMs;
      log.info(`taking up the ledger: ${ledger.size} entries are here, ${this.#behind()} to come`);
    } else if (!this.#isStuck && nowMs - this.#movedMs >= JOIN_PROGRESS_MS) {
      this.#isStuck = true;
      log.warn(`let in, and no entry comes: ${this.#cause()}; trying on`, {
        hint: 'connect a node that has everything: on a member, get archives; here, start with --seed HOST:PORT of it as well',
      });
    }
  }

  #behind(): number {
    return Math.max(0, ...this.#ports.ledgerSync.peers().map(({ behind }) => behind));
  }

  #cause(): string {
    const connected = this.#ports.ledgerSync.peers().filter((peer) => peer.connected);
    if (connected.length === 0) return 'no peer is connected';
    const failed = connected.find(({ lastError }) => lastError !== undefined);
    const here = `${this.#ports.ledger.size} entries are here, ${this.#behind()} that peers know of are lacking`;
    return failed === undefined ? `${here}, and no connected peer gives them` : `${here}; ${failed.lastError}`;
  }
}

/** The ledger holds the genesis of the network and the own join. `NODE_OTHER_NETWORK`. */
export const hasJoined = ({ ledger, token, key }: Pick<JoiningPorts, 'ledger' | 'token' | 'key'>): boolean => {
  if (ledger.network !== undefined && ledger.network !== token.net) throw otherNetwork(ledger.network, token);
  return ledger.network !== undefined && (ledger.clock().get(key.author) ?? 0) > 0;
};

/** Undefined where a peer let the node in; why not otherwise, where another try may help. */
const askAll = async (ports: JoiningPorts, entry: RawEntry): Promise<string | undefined> => {
  const { network, signal } = ports;
  let reason = whyNobody(network);
  for (const { key, address } of network.peers()) {
    const answer = await ask(network, key, entry, signal);
    if (answer === undefined) return undefined;
    if (!answer.again) {
      await noteRefused(ports).catch(() => {
        // Then this directory stays with its invite; why it is refused matters more.
      });
      throw fault(answer.code, `${address} does not let this node in: ${answer.text}`, {
        hint:
          answer.code === 'JOIN_CLOCK'
            ? 'set the clock of this machine, and start with the same invite in an empty directory (--dir): the join in this one is dated wrongly for good'
            : 'ask for another invite: create invite where role = …; then start with it, in the same directory (--dir, --invite LINE)',
      });
    }
    reason = `${address}: ${answer.text}`;
  }
  return reason;
};

const ask = async (
  network: Network,
  peer: PeerKey,
  entry: RawEntry,
  signal: AbortSignal,
): Promise<{ readonly code: string; readonly text: string; readonly again: boolean } | undefined> => {
  try {
    const answer = await askToJoin(network, peer, entry, signal);
    return answer.kind === 'welcome' ? undefined : answer;
  } catch (caught) {
    const { code, message } = asFault(caught);
    return { code, text: message, again: true };
  }
};

/** Empty while all are dialled for the first time: then nothing is wrong yet. */
const whyNobody = (network: Network): string => {
  const states = network.dialStates();
  if (states.length > 0 && states.every(({ lastError }) => lastError === undefined)) return '';
  const failures = states.map(({ address, lastError }) => `${address}: ${lastError ?? 'no answer yet'}`);
  return failures.length === 0 ? 'no address to ask is known' : failures.join('; ');
};

/** Let in, and nothing of the ledger can be taken up: by this clock it was all written in the future. */
const clockBehind = ({ ledger, clock }: JoiningPorts): string | undefined =>
  ledger.status().heldBack === 0
    ? undefined
    : `the clock of this machine is behind (it says ${new Date(clock.wallMs()).toISOString()}): what others wrote is dated more than five minutes later. Set it`;

const stopIfAsked = (signal: AbortSignal): void => {
  if (signal.aborted) throw fault('NODE_START_STOPPED', 'the node was stopped before it had joined its network');
};

const otherNetwork = (held: string, { net, name }: InviteToken): Error =>
  fault('NODE_OTHER_NETWORK', `this directory belongs to the network ${held}, the invite to ${name} (${net})`, {
    data: { held, wanted: net },
    hint: 'start it with another --dir, or without --invite',
  });

const kept = z.object({
  grant: z.string(),
  header: z.string(),
  signature: z.string(),
  body: z.string(),
  /** A member said that no node will ever let it in. */
  refused: z.boolean().optional(),
});
type Kept = z.infer<typeof kept>;

/** The join as it was made at the first try: another one would be a second first entry, which makes the key void. */
const keptEntry = async ({ path, token, key, name, clock, random }: JoiningPorts): Promise<RawEntry> => {
  const found = await readKept(path);
  if (found !== undefined && found.grant === token.grant) {
    const raw = { header: bytes(found.header), signature: bytes(found.signature), body: bytes(found.body) };
    if (parseEntry(raw).header.author === key.author) return raw;
  }
  if (found !== undefined && found.grant !== token.grant)
    throw fault('NODE_OTHER_INVITE', `this node has tried to join with another invite: ${path}`, {
      hint: 'start it with that invite, or with an empty directory (--dir)',
    });
  const { raw } = joinEntry(key, token, { nowMicros: clock.wallMs() * 1_000, salt: random.bytes(16), name });
  const text = {
    grant: token.grant,
    header: base64(raw.header),
    signature: base64(raw.signature),
    body: base64(raw.body),
  };
  await writeKept(path, text);
  return raw;
};

const writeKept = (path: string, text: Kept): Promise<void> => writeFileDurably(path, `${JSON.stringify(text)}\n`);

/** From now on another invite may be tried. */
const noteRefused = async ({ path }: JoiningPorts): Promise<void> => {
  const found = await readKept(path);
  if (found !== undefined) await writeKept(path, { ...found, refused: true });
};

/**
 * Before the key is read: a node that has nothing yet, was refused for good, and now comes with another invite becomes
 * a stranger with a new key. Under the old one its second first entry might meet the first, which would make that key
 * void.
 */
export const forgetRefused = async (
  paths: Pick<NodePaths, 'ledger' | 'key' | 'join'>,
  invite: Pick<InviteToken, 'grant'> | undefined,
): Promise<void> => {
  if (invite === undefined || (await hasJournal(paths))) return;
  const found = await readKept(paths.join);
  if (found?.refused !== true || found.grant === invite.grant) return;
  await rm(paths.key, { force: true });
  await rm(paths.join, { force: true });
};

const bytes = (text: string): Uint8Array => Buffer.from(text, 'base64');
const base64 = (data: Uint8Array): string => Buffer.from(data).toString('base64');

const readKept = async (path: string): Promise<Kept | undefined> => {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw fault('NODE_DIR_UNUSABLE', `${path} cannot be read: ${textOf(caught)}`, { cause: caught });
  }
  try {
    return kept.parse(JSON.parse(text));
  } catch (caught) {
    throw fault('NODE_DIR_UNUSABLE', `${path} is damaged: ${textOf(caught)}`, {
      hint: 'start with an empty directory (--dir) and another invite',
      cause: caught,
    });
  }
};
