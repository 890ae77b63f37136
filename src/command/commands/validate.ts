import { asFault, fault, hasCode } from '../../base/errors.ts';
import type { Act } from '../../policy/permissions/judge.ts';
import { certificateMember } from '../../policy/permissions/member-policies.ts';
import { type Person, personOf } from '../access/access.ts';
import { isAdmin, plainAct, restrictionOf } from '../access/door.ts';
import { parseLine } from '../grammar/line.ts';
import { nameOrAll, anyText, commandText, optional, required } from '../options.ts';
import { type Call, define } from '../define.ts';
import type { Command } from '../registry.ts';
import { says, type Reply } from '../reply.ts';
import { NO_VARIABLES } from '../remote/client.ts';
import { isRegistered } from '../remote/protocol.ts';
import { mayRun } from '../remote/state.ts';

const validateOptions = {
  key: required(anyText, 'key of a node, or of a certificate as member policies have it', ['public_key']),
  command: required(commandText, 'the command, or its first words'),
  dbms: optional(nameOrAll, 'database that it works on; default: what the command names'),
  table: optional(nameOrAll, 'table that it works on'),
};

interface Understood {
  readonly act: Act;
  /** Undefined for what is no command of the table: never run for others. */
  readonly command: Command | undefined;
}

const touchesIn = (call: Call<typeof validateOptions>, command: Command): Act['touches'] => {
  const { dbms, table } = call.options;
  if (dbms !== undefined || table !== undefined) return [{ dbms: dbms ?? '*', table: table ?? '*' }];
  try {
    const statement = parseLine(call.options.command);
    if (statement.kind !== 'command') return [];
    const found = call.registry.get(statement.tokens);
    return command.actOf({ ...call, ...found, dictionary: NO_VARIABLES, text: statement.text }).touches;
  } catch (caught) {
    asFault(caught); // first words alone do not say what it would work on
    return command.worksOnData ? [{ dbms: '*', table: '*' }] : [];
  }
};

const understood = (call: Call<typeof validateOptions>): Understood => {
  const statement = parseLine(call.options.command);
  if (statement.kind === 'client') return { act: plainAct('run client'), command: undefined };
  if (statement.kind === 'assign') return { act: plainAct('set'), command: undefined };
  const command = statement.kind === 'command' ? call.registry.commandOf(statement.tokens) : undefined;
  if (command === undefined)
    throw fault('COMMAND_UNKNOWN', `${call.options.command.slice(0, 128)} begins no command`, { hint: 'see: help' });
  return { act: command.actOn(call.registry, touchesIn(call, command)), command };
};

/** Who comes with that key: by REST a user or a certificate, else a node. */
const holderOf = ({ context, options: { key } }: Call<typeof validateOptions>): Person => {
  const user = context.access.users.certified(key);
  if (user !== undefined) return personOf(user);
  const isCertificate = certificateMember(context.policies.book, key) !== undefined;
  return { by: isCertificate ? 'certificate' : 'node', name: '', admin: false, key };
};

const validate = (call: Call<typeof validateOptions>): Reply => {
  const { context, options } = call;
  const { act, command } = understood(call);
  const person = holderOf(call);
  const isServed =
    person.by !== 'node'
      ? command?.admin !== true || isAdmin(context, person)
      : context.policies.members.isMember(options.key) &&
        mayRun(
          command?.remote ?? 'never',
          { registered: isRegistered(context, options.key) },
          context.facts.remoteCommands,
        );
  try {
    restrictionOf(context, person)?.check(act);
    return says(String(isServed), isServed);
  } catch (caught) {
    if (hasCode(caught, 'ACCESS_REFUSED')) return says('false', false);
    throw caught;
  }
};

/** Whether somebody may run a command here, by the function that decides at the doors. */
export const validateCommands = (): readonly Command[] => [
  define({
    patterns: ['id validate'],
    method: 'GET',
    explanation:
      'true or false: whether this node runs a command for the holder of a key, by REST with a certificate or as another node',
    examples: ['id validate where key = !key and command = "sql" and dbms = plant and table = temperature'],
    options: validateOptions,
    run: validate,
  }),
];
