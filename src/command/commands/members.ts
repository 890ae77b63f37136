import { fault } from '../../base/errors.ts';
import { signingKeyFromSeed } from '../../entry/keys.ts';
import { policyDate } from '../../entry/time.ts';
import { excludedBy, type Invite, isInForce, type Membership } from '../../policy/authority/members.ts';
import type { Rights, Scope } from '../../policy/authority/rights.ts';
import { ROLES } from '../../policy/authority/roles.ts';
import { peerOf } from '../../policy/facts.ts';
import { encodeToken } from '../../policy/admission/token.ts';
import type { CommandContext } from '../context.ts';
import { nodeNames } from '../node-names.ts';
import { lastSnapshot } from '../held.ts';
import {
  address,
  anyText,
  bool,
  integer,
  oneOf,
  optional,
  type OptionTable,
  repeated,
  required,
  span,
  withDefault,
} from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply, says, SILENT } from '../reply.ts';
import { addressOf } from '../addresses.ts';
import { checkInvite, checkReplaces, noteOnInvite, noteOnReplaced } from './invite-checks.ts';

const DAY_MS = 86_400_000;

const inviteOptions = {
  role: repeated(
    oneOf(...ROLES),
    'what it may do: admin any policy; operator its own operator policy and the tables of its cluster; member the types named; auditor reads; archive reads and keeps everything',
  ),
  cluster: optional(anyText, 'id of the only cluster that it may serve or write'),
  company: optional(anyText, 'beginning of the only companies that it may write for'),
  type: repeated(anyText, 'the only types of policies that it may write; needed for a member'),
  grants: withDefault(bool, false, 'whether it may let in others, with what it may do itself or less'),
  expires: withDefault(span, DAY_MS, 'how long the invite can be redeemed, for example 1 day'),
  name: optional(
    anyText,
    'what the others call the node until a policy with its key names it; start it with the same --name',
  ),
  replaces: optional(
    anyText,
    'name, key or policy id of a member whose key is lost: that key ends at once, and who joins stands in for it; again, until somebody has joined: another line, and the one before is void',
  ),
  seed: repeated(address, 'addresses where it finds the network; default: this node and those that policies name'),
};

/**
 * Addresses where a joining node finds the network: this node first, then those that the policies name. A pruned node gives no more than what a snapshot
 * has settled: there those come first that have everything. Who is to keep all for others needs one of these, and so does everybody while no
 * snapshot is in force.
 */
const seedsOf = (context: CommandContext, isArchive: boolean): readonly string[] => {
  const own = context.network.address;
  const isAnywhere = /^(?:0\.0\.0\.0|\[::\]):/.test(own);
  const { nodes } = context.topology();
  const isPruned = (context.policies.pruning?.count ?? 0) > 0;
  const keepers = new Set(context.archiving?.sources().flatMap(({ key, says }) => (says ? [key] : [])));
  const whole = isPruned ? nodes.filter(({ peer }) => peer !== undefined && keepers.has(peer)).map(addressOf) : [];
  if (isPruned && whole.length === 0 && (isArchive || lastSnapshot(context) === undefined))
    throw fault(
      'POLICY_PRUNING_ALONE',
      isArchive
        ? 'this node is pruned and cannot give an archive all entries, and no policy names a node that can'
        : 'this node is pruned, no snapshot is in force, and no policy names a node that can give a new one all entries',
      { hint: 'name the address (its --listen) of one that has everything: … and seed = HOST:PORT; see: get archives' },
    );
  return [...new Set([...whole, ...(isAnywhere ? [] : [own]), ...nodes.map(addressOf)])].slice(0, 8);
};

const scopeOf = ({ options }: Call<typeof inviteOptions>): Scope => ({
  ...(options.type.length === 0 ? {} : { types: [...new Set(options.type)] }),
  ...(options.company === undefined ? {} : { company: options.company }),
  ...(options.cluster === undefined ? {} : { cluster: options.cluster }),
});

const networkName = async ({ ledger }: CommandContext): Promise<string> => {
  const genesis = ledger.network === undefined ? undefined : await ledger.byHash(ledger.network);
  const name = genesis?.entry.content['name'];
  return typeof name === 'string' ? name : '';
};

const rightsAsked = (call: Call<typeof inviteOptions>): Rights => ({
  roles: [...new Set(call.options.role)],
  scope: scopeOf(call),
  grants: call.options.grants,
});

const createInvite = async (call: Call<typeof inviteOptions>): Promise<Reply> => {
  const { context, options } = call;
  checkReplaces(options);
  const lost = options.replaces === undefined ? undefined : memberNamed(context, options.replaces);
  const rights = options.role.length > 0 ? rightsAsked(call) : (lost?.rights ?? rightsAsked(call));
  checkInvite(context, options, rights.roles);
  const seed = context.random.bytes(32);
  const expires = Math.floor((context.clock.wallMs() + options.expires) * 1_000);
  const seeds = options.seed.length > 0 ? options.seed : seedsOf(context, rights.roles.includes('archive'));
  const from = lost === undefined ? 0 : (lost.revoked?.from ?? nextOf(context, lost.key));
  const { entry } = await context.policies.members.invite({
    key: signingKeyFromSeed(seed).author,
    ...rights,
    name: options.name ?? lost?.name,
    expires,
    ...(lost === undefined ? {} : { replaces: { grant: lost.grant, from } }),
  });
  const token = encodeToken({
    net: entry.header.net,
    name: await networkName(context),
    seeds,
    grant: entry.hash,
    time: entry.header.time,
    key: Buffer.from(seed).toString('hex'),
    roles: rights.roles,
    expires,
  });
  const called = lost === undefined ? '' : (nodeNames(context.topology()).get(lost.key) ?? lost.name ?? lost.key);
  const note = lost === undefined ? noteOnInvite(rights) : noteOnReplaced(called, from, lost.revoked === undefined);
  return { ...says(token, { token, invite: entry.hash, expires: policyDate(expires) }), note };
};

const scopeText = ({ scope, grants }: Rights): string =>
  [
    scope.cluster === undefined ? '' : `cluster ${scope.cluster}`,
    scope.company === undefined ? '' : `company ${scope.company}…`,
    scope.types === undefined ? '' : `types ${scope.types.join(', ')}`,
    grants ? 'may grant' : '',
  ]
    .filter((part) => part !== '')
    .join('; ');

const memberStatus = ({ void: reason, revoked, rotated }: Membership): string => {
  if (reason !== undefined) return `void: ${reason.text}`;
  if (rotated !== undefined) return 'handed to a new key';
  return revoked === undefined ? 'active' : revokedText(revoked);
};

const revokedText = ({ from, reason }: { readonly from: number; readonly reason: string | undefined }): string =>
  `revoked from entry ${from} on${reason === undefined ? '' : `: ${reason}`}`;

/** With its date as other commands write dates. */
const dated = <T extends { readonly since: number }>(each: T): Omit<T, 'since'> & { readonly since: string } => ({
  ...each,
  since: policyDate(each.since),
});

const MEMBER_TITLES = ['Key', 'Name', 'Roles', 'Scope', 'By', 'Since', 'Status', 'Grant'];

const getMembers = ({ context }: Call<OptionTable>): Reply => {
  const { authority } = context.policies.book;
  const names = nodeNames(context.topology());
  const roots = [...(authority.genesis?.roots ?? [])].map((key) => ({ key, role: 'root' }));
  const members = context.policies.members.list();
  const excluded = excludedBy(authority);
  const authorOf = (by: string): string => names.get(by) ?? `${by.slice(0, 16)}…`;
  const rows = [
    ...roots.map(({ key }) => [
      key,
      names.get(key) ?? '',
      'root',
      '',
      'genesis',
      '',
      'active',
      authority.genesis?.network ?? '',
    ]),
    ...members.map((member) => [
      member.key,
      names.get(member.key) ?? member.name ?? '',
      member.rights.roles.join(', '),
      scopeText(member.rights),
      authorOf(member.by),
      policyDate(member.since),
      memberStatus(member),
      member.grant,
    ]),
    ...excluded.map((each) => [
      each.key,
      names.get(each.key) ?? '',
      '',
      '',
      authorOf(each.by),
      policyDate(each.since),
      revokedText(each),
      authority.genesis?.network ?? '',
    ]),
  ];
  const isOpen = authority.genesis?.admission === 'open';
  return givesTable({
    titles: MEMBER_TITLES,
    rows,
    ...(isOpen ? { above: 'Admission is open: every key may join and write, whether or not it is listed here.' } : {}),
    json: {
      admission: authority.genesis?.admission ?? null,
      roots: roots.map(({ key }) => key),
      members: members.map(dated),
      excluded: excluded.map(dated),
    },
  });
};

const inviteStatus = ({ redeemedBy, deleted, expires, void: reason }: Invite, nowMs: number): string => {
  if (reason !== undefined) return `void: ${reason.text}`;
  if (redeemedBy !== undefined) return 'redeemed';
  if (deleted) return 'deleted';
  return nowMs * 1_000 > expires ? 'expired' : 'open';
};

/** A join says its own date, and what a member hands on is judged by that. */
const EXPIRED_NOTE =
  'Who has the line of an expired invite can still date a join back, and a member can hand that on. To end it: delete invite where id = INVITE';

const getInvites = ({ context }: Call<OptionTable>): Reply => {
  const names = nodeNames(context.topology());
  const nowMs = context.clock.wallMs();
  const invites = context.policies.members.invites();
  const expired = invites.some((invite) => inviteStatus(invite, nowMs) === 'expired');
  return givesTable({
    ...(expired ? { above: EXPIRED_NOTE } : {}),
    titles: ['Invite', 'Name', 'Roles', 'Scope', 'By', 'Expires', 'Status', 'Redeemed By'],
    rows: invites.map((invite) => [
      invite.grant,
      invite.name ?? '',
      invite.rights.roles.join(', '),
      scopeText(invite.rights),
      names.get(invite.by) ?? `${invite.by.slice(0, 16)}…`,
      policyDate(invite.expires),
      inviteStatus(invite, nowMs),
      invite.redeemedBy ?? '',
    ]),
    json: invites.map((invite) => ({
      ...dated(invite),
      expires: policyDate(invite.expires),
      status: inviteStatus(invite, nowMs),
    })),
  });
};

const inviteId = { id: required(anyText, 'the invite, as get invites shows it', ['invite']) };

const deleteInvite = async ({ context, options }: Call<typeof inviteId>): Promise<Reply> => {
  await context.policies.members.deleteInvite(options.id);
  return SILENT;
};

const revokeOptions = {
  key: optional(anyText, 'key of the member: everything that it was granted ends'),
  name: optional(anyText, 'name of the member, where only one has it'),
  grant: optional(anyText, 'one grant of a member, as get members shows it'),
  from: optional(
    integer(1, Number.MAX_SAFE_INTEGER),
    'number of its first entry that is void; default: the next one after those known here',
  ),
  reason: optional(anyText, 'why, for the record'),
};

/** Key of the one member of that name. `POLICY_MEMBER_UNKNOWN`. */
export const keyNamed = (context: CommandContext, name: string): string => {
  const names = nodeNames(context.topology());
  const keys = context.policies.members
    .list()
    .filter((member) => member.rotated === undefined && (names.get(member.key) ?? member.name) === name);
  const [only, ...others] = new Set(keys.map(({ key }) => key));
  if (only === undefined || others.length > 0)
    throw fault(
      'POLICY_MEMBER_UNKNOWN',
      `${only === undefined ? 'no member is' : 'several members are'} called ${name}`,
      {
        hint: 'give its key: get members',
      },
    );
  return only;
};

const GRANTS_NAMED_MAX = 4;

const grantsToName = (held: readonly Membership[]): string => {
  const named = held.slice(0, GRANTS_NAMED_MAX).map(({ grant, rights }) => `${grant} (${rights.roles.join(', ')})`);
  return `name the grant instead, of an operator the one that covers its policy: ${named.join('; ')}; see: get members`;
};

/**
 * The one grant of a member that is named by itself, its key, its policy or its name: one in force, else one that has
 * ended, as after an invite to take its place whose line was lost. A void one never gave anything.
 */
const memberNamed = (context: CommandContext, of: string): Membership => {
  const { members, book } = context.policies;
  const peer = peerOf(book.get(of)?.value ?? {});
  const all = members.list().filter(({ void: reason, rotated }) => (reason ?? rotated) === undefined);
  const found = all.filter(({ grant, key }) => grant === of || key === of || key === peer);
  const named = found.length > 0 ? found : all.filter(({ key }) => key === keyNamed(context, of));
  const inForce = named.filter(isInForce);
  const held = inForce.length > 0 ? inForce : named;
  const [only, ...others] = held;
  if (only === undefined || others.length > 0)
    throw fault(
      'POLICY_MEMBER_UNKNOWN',
      `${of.slice(0, 128)} holds ${only === undefined ? 'no grant' : 'several grants'}`,
      { hint: only === undefined ? 'name one grant of it: get members' : grantsToName(held) },
    );
  return only;
};

/** Number of the first entry of a key that is not known here. */
const nextOf = ({ ledger }: CommandContext, key: string): number => (ledger.clock().get(key) ?? 0) + 1;

const rotateKey = async ({ context }: Call<OptionTable>): Promise<Reply> => {
  const key = await context.control.rotateKey();
  return says(`the node is ${key} from its next start on: start it again now`, { key });
};

const revokeMember = async ({ context, options }: Call<typeof revokeOptions>): Promise<Reply> => {
  const { key, name, grant, reason } = options;
  const of = grant ?? key ?? (name === undefined ? undefined : keyNamed(context, name));
  if (of === undefined)
    throw fault('COMMAND_OPTION_MISSING', 'whose grant ends is not said', {
      hint: 'key = KEY, name = NAME or grant = HASH',
    });
  const { members } = context.policies;
  const holder = members.list().find((member) => member.grant === of)?.key ?? of;
  const called =
    nodeNames(context.topology()).get(holder) ?? members.list().find((member) => member.key === holder)?.name;
  const from = options.from ?? nextOf(context, holder);
  const remain = (await members.revoke({ of, from, reason })).map((member) => ({
    key: member.key,
    name: nodeNames(context.topology()).get(member.key) ?? member.name,
    roles: member.rights.roles,
    grant: member.grant,
    end: `revoke member where grant = ${member.grant}`,
  }));
  const lines = remain.map(
    (member) =>
      `still a member, let in by it: ${member.name ?? member.key} (${member.roles.join(', ')}); to end that: ${member.end}`,
  );
  const done = `revoked: what ${called === undefined ? holder : `${called} (${holder})`} writes from its entry ${from} on is void`;
  return says([done, ...lines].join('\n'), { key: holder, from, remain });
};

/** Who belongs to the network: invites, members, revocation. */
export const memberCommands = (): readonly Command[] => [
  define({
    patterns: ['create invite'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'lets one node join: prints a line to start it with (holdfast start --invite LINE); the line is a secret for good: delete invite ends one that nobody has redeemed',
    examples: [
      'create invite where role = operator and cluster = 64999c0d4d8762f67f6fe4f120c7a54b and expires = 1 day',
      'create invite where role = member and type = query and name = query-c',
      'create invite where replaces = operator-b',
    ],
    options: inviteOptions,
    run: createInvite,
  }),
  define({
    patterns: ['get invites'],
    method: 'GET',
    explanation: 'lists all invites: what they give, until when, and who redeemed them',
    examples: ['get invites'],
    run: getInvites,
  }),
  define({
    patterns: ['delete invite'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'takes back an invite that nobody has redeemed, also one that has expired',
    examples: ['delete invite where id = 9d40af23b10c4f04…'],
    options: inviteId,
    run: deleteInvite,
  }),
  define({
    patterns: ['get members'],
    method: 'GET',
    explanation:
      'lists everyone who was ever granted something, and whom an open network has shut out: roles, scope, by whom, since when, and whether it is revoked',
    examples: ['get members', 'get members where format = json'],
    run: getMembers,
  }),
  define({
    patterns: ['revoke member'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'ends what a member was granted: it is disconnected everywhere, and what it writes from then on is void. Whom it let in before stays: the reply names them, each with the command that ends it',
    examples: ['revoke member where name = operator-b and reason = "machine stolen"'],
    options: revokeOptions,
    run: revokeMember,
  }),
  define({
    patterns: ['rotate key'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation:
      'gives this node a new key: the old one signs what it holds over to it; id, policy and member number stay. Holds from the next start on',
    examples: ['rotate key'],
    run: rotateKey,
  }),
];
