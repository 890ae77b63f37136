import { CLOCK_OFF_MS_MAX, ENTRY_FUTURE_MS_MAX } from '../../base/limits.ts';
import { CLOCK_AHEAD_STEP, clockAhead } from './clock-ahead.ts';
import type { HealthFacts } from './facts.ts';
import { BY_ITSELF, type FaultKind, seconds, when } from './kind.ts';
import { OPERATOR_KINDS } from './operator-kinds.ts';
import { wrongAddresses } from './own-address.ts';
import { byInvite, inviteVoid, joinUnheard, keyRevoked, REVOKED_STEP } from './refused.ts';

/** Of a node that was started without saying which network is meant. */
export const NETWORK_NONE_STEP =
  'create a network (start with --network NAME), or join one (start with --invite LINE or --seed HOST:PORT, or: seed from HOST:PORT)';

/** Anybody's policies may be at fault, and any number of them. */
const CAUSES_MAX = 5;
const firstOf = (causes: readonly string[], what: string): readonly string[] =>
  causes.length <= CAUSES_MAX
    ? causes
    : [...causes.slice(0, CAUSES_MAX), `and ${causes.length - CAUSES_MAX} more ${what}`];

/** Why a dial failed, without what the cause begins with: the words "cannot reach", which are cut from the status. */
const whyUnreached = (address: string, lastError = ''): string => lastError.replace(`cannot reach ${address}: `, '');

const ofDisk =
  (state: string) =>
  ({ disk }: HealthFacts): readonly string[] =>
    when(disk?.state === state, disk?.cause ?? `the disk is ${state}`);

const forbidding =
  (code: string) =>
  ({ ledger: { forbidden } }: HealthFacts): readonly string[] =>
    when(forbidden?.code === code, forbidden?.text ?? '');

/** Every kind of fault that a node tells of, in the order in which they are shown. */
export const FAULT_KINDS = {
  DISK_FULL: {
    nextStep: `free space on the disk; writing goes on by itself, reads and queries work meanwhile`,
    causes: ofDisk('full'),
  },
  DISK_READ_ONLY: {
    nextStep: `see why the file system is read-only (dmesg) and mount it writable; ${BY_ITSELF}`,
    causes: ofDisk('read-only'),
  },
  DISK_FAILING: {
    nextStep: `check the disk, its mount and its limits (dmesg, smartctl, ulimit); ${BY_ITSELF}`,
    causes: ofDisk('failing'),
  },
  DISK_LOW: {
    nextStep: 'free space on the disk, or choose a smaller reserve (--reserve); data is taken again by itself',
    causes: ofDisk('low'),
  },
  DISK_SLOW: {
    nextStep:
      'see what else uses the disk (iostat, iotop), then look after it (smartctl); writes wait for it and are safe',
    causes: ofDisk('slow'),
  },
  LEDGER_DISK_FAILED: {
    areas: ['synchronizer'],
    nextStep: `free or repair the disk; ${BY_ITSELF}, reads work meanwhile`,
    causes: ({ ledger }) => when(ledger.failure !== undefined, ledger.failure ?? ''),
  },
  LEDGER_WITHOUT_INDEX: {
    nextStep: `free or repair the disk; ${BY_ITSELF}, a start takes longer meanwhile`,
    // A ledger in memory (tests) stands on no disk.
    causes: ({ ledger, disk }) =>
      when(ledger.index === 'memory' && disk !== undefined, 'the index of the ledger fails to be opened or written'),
  },
  LEDGER_LINE_DAMAGED: {
    areas: ['synchronizer'],
    nextStep: 'connect a peer: it gives the entry again; then look after the disk (smartctl)',
    causes: ({ ledger }) => ledger.damaged.map(({ file, offset }) => `a line is damaged at byte ${offset} of ${file}`),
  },
  LEDGER_SIGNATURES_BAD: {
    areas: ['synchronizer'],
    nextStep: 'see: blockchain audit; the entries are vouched for by later ones of their authors',
    causes: ({ ledger }) =>
      when(ledger.signatures.bad > 0, `${ledger.signatures.bad} entries came with a signature that was spoiled`),
  },
  LEDGER_ERASURE_WAITS: {
    areas: ['synchronizer'],
    nextStep: `free or repair the disk; ${BY_ITSELF}; see: get erasures, get disk usage`,
    causes: ({ ledger: { bodies } }) =>
      when(
        bodies.erasing > 0,
        `what ${bodies.erasing} erased entries said is still on this disk; nobody gets it from here`,
      ),
  },
  LEDGER_BODIES_MISSING: {
    areas: ['synchronizer'],
    nextStep: 'connect a peer that still has them: it gives them by itself; see: get erasures',
    causes: ({ ledger: { bodies } }) =>
      when(bodies.missing > 0, `what ${bodies.missing} entries say is missing here, though nobody erased it by right`),
  },
  HISTORY_NEEDED: {
    areas: ['synchronizer'],
    nextStep: `connect a node that has everything (get archives); ${BY_ITSELF}, or by: blockchain fill history`,
    causes: ({ historyNeeded }) => when(historyNeeded !== undefined, historyNeeded ?? ''),
  },
  START_SCRIPT_FAILED: {
    nextStep:
      'correct what the error names, then run the script again: process FILE. To start without it: --script none',
    causes: ({ scriptFailure }) => when(scriptFailure !== undefined, scriptFailure ?? ''),
  },
  THREAD_FAILED: {
    nextStep:
      'correct what the error names, then start the script again: thread FILE; it is forgotten by: exit scripts',
    causes: ({ threadFailures }) => threadFailures,
  },
  RECEIPT_FILES_DAMAGED: {
    nextStep: 'see: get receipts; look after the disk (smartctl)',
    causes: ({ receiptsDamaged }) => receiptsDamaged,
  },
  ARCHIVE_FILES_WAIT: {
    nextStep: `free or repair the disk, or start with a directory that can be written (--tiles); ${BY_ITSELF}; see: get archives`,
    causes: ({ tilesFailure }) =>
      when(tilesFailure !== undefined, `the static files of the archive wait to be written: ${tilesFailure}`),
  },
  TABLE_STATEMENT: {
    nextStep:
      'who may write that policy gives it a statement: blockchain update where id = ID and policy = {"table": {"create": "CREATE TABLE …"}}',
    causes: ({ tablesUnread }) => firstOf(tablesUnread, 'table policies'),
  },
  NETWORK_NONE: {
    areas: ['synchronizer'],
    nextStep: NETWORK_NONE_STEP,
    causes: ({ hasNetwork, dialled, refusals }) =>
      when(!hasNetwork && dialled.length === 0 && refusals.length === 0, 'this node belongs to no network yet'),
  },
  ADMISSION_BY_INVITE: {
    areas: ['synchronizer'],
    nextStep: 'ask a member of it for an invite (create invite where role = ROLE), and start with --invite LINE',
    causes: ({ refusals, hasNetwork }) =>
      hasNetwork
        ? []
        : refusals.filter(({ code }) => code === 'JOIN_NO_INVITE').map(({ address }) => byInvite(address)),
  },
  KEY_REVOKED: {
    areas: ['synchronizer'],
    nextStep: REVOKED_STEP,
    causes: ({ refusals }) => {
      const revoked = keyRevoked(refusals);
      return when(revoked !== undefined, revoked ?? '');
    },
  },
  KEY_ROTATED: {
    areas: ['synchronizer', 'distributor', 'consumer'],
    nextStep: 'start the node again: until then it is cut off from all peers',
    causes: ({ isKeyRotated }) =>
      when(isKeyRotated, 'this node has handed what it holds to a new key, which it has from its next start on'),
  },
  JOIN_UNHEARD: {
    areas: ['synchronizer'],
    nextStep:
      'let that node meet a member that has the join; where none is left, an admin there assigns permissions with roles to the key of this node',
    causes: ({ refusals }) => refusals.filter(({ code }) => code === 'INTRODUCE_JOIN_UNHEARD').map(joinUnheard),
  },
  KEY_IN_USE: {
    areas: ['synchronizer'],
    nextStep: 'stop one of the two, then start the other again; a second node needs a key of its own',
    causes: forbidding('LEDGER_KEY_IN_USE'),
  },
  LEDGER_RESTORED: {
    areas: ['synchronizer'],
    nextStep:
      'start the peers that are away; where they are gone for good, or this node is alone in its network: start it with --restored alone',
    causes: forbidding('LEDGER_RESTORED'),
  },
  INVITE_VOID: {
    areas: ['synchronizer'],
    nextStep: REVOKED_STEP,
    causes: ({ refusals }) => refusals.filter(({ code }) => code === 'JOIN_INVITE_VOID').map(inviteVoid),
  },
  LEDGER_APPENDS_REFUSED: {
    areas: ['synchronizer'],
    nextStep: 'connect a peer that holds what this node wrote; a write says more, see also: get synchronizer',
    causes: ({ ledger, hasNetwork }) =>
      when(
        hasNetwork && !ledger.mayAppend && ledger.forbidden === undefined && ledger.failure === undefined,
        'this node must write no policy now: what it wrote before has to be known first',
      ),
  },
  LEDGER_ENTRIES_MISSING: {
    areas: ['synchronizer'],
    nextStep:
      'connect the nodes that wrote them, or that were up when they were written, or one that has everything (get archives)',
    causes: ({ ledger }) =>
      when(
        ledger.waiting > 0,
        `${ledger.waiting} entries wait for entries before them that no connected peer gave${ledger.heldBack > 0 ? ', or that are dated in the future' : ''}`,
      ),
  },
  KEY_EQUIVOCATED: {
    areas: ['synchronizer'],
    nextStep: 'find who else had the key (a copied directory?), and give the node a new key; see: blockchain conflicts',
    causes: ({ equivocations }) =>
      equivocations.map(
        ({ name, seq, own }) =>
          `${own ? 'this node' : name} signed two entries ${seq}: from there on its entries are void`,
      ),
  },
  PEER_EXPELLED: {
    areas: ['synchronizer'],
    nextStep:
      'look after that node: its program is damaged, or somebody else has its key (revoke member). It may come back later',
    causes: ({ expelled }) => expelled.map(({ name, code, text }) => `${name} is kept out: ${code}, ${text}`),
  },
  CLOCK_JUMPED: {
    nextStep: 'look after the time service (timedatectl, chronyc tracking); order and time-outs are safe from it',
    causes: ({ clock }) =>
      clock?.jump === undefined
        ? []
        : [`the clock jumped by ${seconds(clock.jump.byMs)} at ${new Date(clock.jump.atMs).toISOString()}`],
  },
  LEDGER_CLOCK_AHEAD: {
    areas: ['synchronizer'],
    nextStep: CLOCK_AHEAD_STEP,
    causes: ({ peers }) => {
      const refusal = clockAhead(peers);
      return when(refusal !== undefined, refusal?.message ?? '');
    },
  },
  CLOCK_OFF: {
    nextStep: 'look after the time service of that node, or of this one where all peers are named',
    causes: ({ peers }) =>
      (clockAhead(peers) === undefined ? peers : []).flatMap(({ name, clockAheadMs }) =>
        clockAheadMs === undefined || Math.abs(clockAheadMs) < CLOCK_OFF_MS_MAX
          ? []
          : [
              `the clock of ${name} is ${seconds(Math.abs(clockAheadMs))} ${clockAheadMs > 0 ? 'ahead of' : 'behind'} this one`,
            ],
      ),
  },
  ENTRIES_FROM_THE_FUTURE: {
    areas: ['synchronizer'],
    nextStep:
      'compare the clocks: that of their author is ahead, or this one behind; they count when their time has come',
    causes: ({ ledger }) => when(ledger.heldBack > 0, `${ledger.heldBack} entries are dated in the future`),
  },
  OWN_ENTRIES_FROM_THE_FUTURE: {
    areas: ['synchronizer'],
    nextStep:
      'wait until then; where that is too long, a new key takes its place: when its peers have its files (get distributor), stop it, and start --recover in a new directory with --operator ID --seed HOST:PORT, or with the line of: create invite where replaces = NAME',
    causes: ({ ledger: { ownAheadMs } }) =>
      when(
        ownAheadMs > ENTRY_FUTURE_MS_MAX,
        `the clock was ahead when this node wrote to the ledger: what it writes is dated ${seconds(ownAheadMs)} ahead, and all others hold it back for so long`,
      ),
  },
  ADDRESS_WRONG: {
    areas: ['synchronizer'],
    nextStep: 'start it with the --listen that the policy names, or update the policy',
    causes: ({ address }) => wrongAddresses(address),
  },
  OTHER_NETWORK: {
    areas: ['synchronizer'],
    nextStep: 'start this node without that seed, or with a different --dir to join that network',
    causes: ({ foreignSeeds }) =>
      foreignSeeds.map(({ address, network }) => `the seed ${address} belongs to the network ${network}`),
  },
  PEER_UNREACHED: {
    areas: ['synchronizer', 'distributor', 'consumer'],
    nextStep: `start that node, or mend the way to it; ${BY_ITSELF}. If it is gone for good, delete its policy`,
    causes: ({ dialled }) =>
      dialled
        .filter(({ connected, own, lastError }) => !connected && !own && lastError !== undefined)
        .map(
          ({ name, address, attempts, lastError }) =>
            `${name === undefined ? '' : `${name} at `}${address} is out of reach, tried ${attempts} times: ${whyUnreached(address, lastError)}`,
        ),
  },
  LEDGER_SYNC_FAILED: {
    areas: ['synchronizer'],
    nextStep: 'see: get synchronizer; it is tried again all the time',
    causes: ({ sync }) =>
      sync
        .filter(({ connected, lastError }) => connected && lastError !== undefined)
        .map(({ name, lastError }) => `${name}: ${lastError ?? ''}`),
  },
  ...OPERATOR_KINDS,
} as const satisfies Readonly<Record<string, FaultKind>>;

/** The codes of the faults that `get status` shows. */
export type FaultCode = keyof typeof FAULT_KINDS;
