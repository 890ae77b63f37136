import { fault } from '../../base/errors.ts';
import { isLoopback, splitAddress } from '../../base/host.ts';
import { isHash } from '../../codec/fields.ts';
import { policyDate } from '../../entry/time.ts';
import { USER_TYPES } from '../access/users-file.ts';
import type { CommandContext } from '../context.ts';
import { anyText, oneOf, optional, type OptionTable, required, span, withDefault } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply, SILENT } from '../reply.ts';

const name = required(anyText, 'name of the user');
const password = required(anyText, 'its password; only a scrypt hash of it is kept');

const userOptions = {
  name,
  type: withDefault(
    oneOf(...USER_TYPES),
    'user',
    'an admin may also manage users, invites and members, and end or back up the node',
  ),
  password: optional(anyText, 'its password; only a scrypt hash of it is kept'),
  key: optional(
    anyText,
    'instead of a password, or beside it: SHA-256 of the public key of its TLS certificate, as the refusal of it says',
  ),
  permissions: optional(
    anyText,
    'id or name of the permissions policy that it goes by; default: all that its type may',
  ),
  expiration: optional(span, 'how long the user is let in, for example 30 days; default: for ever'),
};

/** Id of the one permissions policy with that id or name. `POLICY_PERMISSIONS_UNKNOWN`. */
const permissionsNamed = ({ policies }: CommandContext, of: string): string => {
  const all = policies.book.ofType('permissions');
  const found = all.filter(({ id }) => id === of);
  const [only, ...others] = found.length > 0 ? found : all.filter(({ value }) => value['name'] === of);
  if (only !== undefined && others.length === 0) return only.id;
  throw fault(
    'POLICY_PERMISSIONS_UNKNOWN',
    `${only === undefined ? 'no permissions are' : 'several permissions are'} called ${of.slice(0, 128)}`,
    { hint: 'name the id: blockchain get permissions bring [*][id] " " [*][name] separator = \\n' },
  );
};

const certificateKey = (text: string): string => {
  const key = text.toLowerCase();
  if (isHash(key)) return key;
  throw fault('COMMAND_VALUE', 'the key of a certificate has 64 hex digits: SHA-256 of its public key', {
    hint: 'the refusal of the certificate prints it, or: openssl x509 -in cert.pem -pubkey -noout | openssl pkey -pubin -outform DER | sha256sum',
  });
};

const PASSWORD_CHARS_MIN = 8;

/** `ACCESS_PASSWORD`. */
const checkPassword = (password: string): void => {
  if (password.length >= PASSWORD_CHARS_MIN) return;
  throw fault('ACCESS_PASSWORD', `a password has at least ${PASSWORD_CHARS_MIN} characters`, {
    hint: 'several words are easy to keep: password = "…"',
  });
};

const addUser = async ({ context, options }: Call<typeof userOptions>): Promise<Reply> => {
  const { expiration, type } = options;
  if (options.password !== undefined) checkPassword(options.password);
  if (expiration !== undefined && expiration <= 0)
    throw fault('COMMAND_VALUE', 'option expiration: the user would be let in for no time', {
      hint: 'for example: expiration = 30 days; without it the user is let in for ever',
    });
  const expires = expiration === undefined ? undefined : Math.floor(context.clock.wallMs() + expiration);
  const permissions = options.permissions === undefined ? undefined : permissionsNamed(context, options.permissions);
  // It could make itself a user without permissions.
  if (permissions !== undefined && type === 'admin')
    throw fault('COMMAND_OPTION', 'an admin goes by no permissions: it decides who may do what', {
      hint: 'leave out type = admin, or permissions',
    });
  const key = options.key === undefined ? undefined : certificateKey(options.key);
  if (key === undefined && options.password === undefined)
    throw fault('COMMAND_OPTION_MISSING', 'how is the user known?', {
      hint: 'add: password = PASSWORD, or: key = KEY of its certificate',
    });
  await context.access.users.add({ name: options.name, type, expires, permissions, key }, options.password);
  return SILENT;
};

const showUsers = ({ context }: Call<OptionTable>): Reply => {
  const users = context.access.users.list();
  const dateOf = (ms: number | undefined): string | null => (ms === undefined ? null : policyDate(ms * 1_000));
  return givesTable({
    titles: ['Name', 'Type', 'Expires', 'Permissions', 'Certificate'],
    rows: users.map((user) => [
      ...[user.name, user.type, dateOf(user.expires) ?? '', user.permissions ?? ''],
      user.key ?? '',
    ]),
    json: users.map(({ name: of, type, expires, permissions = null, key = null }) => ({
      ...{ name: of, type, expires: dateOf(expires), permissions, key },
    })),
  });
};

const showAuthentication = ({ context }: Call<OptionTable>): Reply => {
  const users = context.access.required ? 'on' : 'off';
  return givesTable({
    titles: ['Authentication', 'State', 'How'],
    rows: [
      ['node', 'on', 'each node by its key'],
      ['user', users, users === 'on' ? 'REST: token, or name and password' : 'whoever reaches REST commands this node'],
    ],
    json: { node: 'on', user: users },
  });
};

const setAuthentication = (on: boolean, ...patterns: readonly [string, ...string[]]): Command =>
  define({
    patterns,
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: on
      ? 'REST asks for the token or a user again'
      : 'for laboratories: whoever reaches REST commands the node, until it ends or authentication is set on; get status says so',
    examples: [patterns[0]],
    run: ({ context, session }) => {
      if (!on && session.caller === 'local') checkMeant(context);
      context.access.require(on);
      return SILENT;
    },
  });

/** A start script that nobody named at this start does not open a REST that other machines reach. */
const checkMeant = ({ facts }: CommandContext): void => {
  const rest = facts.restAddress();
  if (facts.scriptRemembered !== true || rest === undefined || isLoopback(splitAddress(rest).host)) return;
  throw fault('ACCESS_REFUSED', `set authentication off would let everybody who reaches ${rest} command this node`, {
    hint: `the start script is remembered from an earlier start; if it is meant, name it at the start as well: --script ${facts.script ?? 'FILE'}`,
  });
};

const userCommands = (): readonly Command[] => [
  define({
    patterns: ['id add user'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'lets a user in at this node’s REST by name and password (HTTP Basic), or by its TLS certificate',
    examples: [
      'id add user where name = ann and type = user and password = !password and expiration = 30 days',
      'id add user where name = carol and type = admin and key = 8f3a…',
    ],
    options: userOptions,
    run: addUser,
  }),
  define({
    patterns: ['id update user password'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'gives a user another password',
    examples: ['id update user password where name = ann and password = !password'],
    options: { name, password },
    run: async ({ context, options }) => {
      checkPassword(options.password);
      await context.access.users.setPassword(options.name, options.password);
      return SILENT;
    },
  }),
  define({
    patterns: ['id remove user'],
    method: 'POST',
    remote: 'never',
    admin: true,
    explanation: 'lets a user in no more',
    examples: ['id remove user where name = ann'],
    options: { name },
    run: async ({ context, options }) => {
      await context.access.users.remove(options.name);
      return SILENT;
    },
  }),
];

/** Who may use this node's front doors. */
export const accessCommands = (): readonly Command[] => [
  ...userCommands(),
  define({
    patterns: ['get users'],
    method: 'GET',
    remote: 'never',
    explanation: 'lists the users of this node’s REST',
    examples: ['get users'],
    run: showUsers,
  }),
  define({
    patterns: ['get authentication'],
    method: 'GET',
    explanation: 'shows who has to say who it is',
    examples: ['get authentication'],
    run: showAuthentication,
  }),
  setAuthentication(true, 'set authentication on', 'set user authentication on', 'set node authentication on'),
  setAuthentication(false, 'set authentication off', 'set user authentication off'),
  define({
    patterns: ['set node authentication off'],
    method: 'POST',
    remote: 'never',
    explanation: 'refused: nodes know each other by their keys',
    examples: ['set node authentication off'],
    run: () => {
      throw fault('COMMAND_UNSUPPORTED', 'nodes always authenticate each other by their keys', {
        hint: 'for REST: set user authentication off',
      });
    },
  }),
];
