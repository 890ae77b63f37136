import { existsSync, readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import type { DiskReserve } from '../base/disk-monitor.ts';
import { fault, textOf } from '../base/errors.ts';
import { isLoopback, splitAddress } from '../base/host.ts';
import { parseSize } from '../command/grammar/dates.ts';
import { maybe } from '../command/grammar/suggest.ts';
import { decodeToken, type InviteToken, withoutTokens } from '../policy/admission/token.ts';

/** Everything that `holdfast start` can be told. Addresses are `HOST:PORT`; port 0 takes a free one. */
export interface NodeConfig {
  /** All of the node's files, absolute. */
  readonly dir: string;
  readonly name: string;
  readonly company: string;
  readonly listen: string;
  readonly rest: string;
  /** Directory of REST's certificate and key, absolute; undefined for plain HTTP. */
  readonly restTls: string | undefined;
  /** Where all entries are kept as static files, absolute; undefined: in the own directory, and only with the role archive. */
  readonly tiles: string | undefined;
  /** Name of the network that this node creates; undefined for one that joins. */
  readonly network: string | undefined;
  /** Who may join the network that this node creates, or has created; undefined where it was not said: by invite. */
  readonly admission: 'open' | 'invite' | undefined;
  /** The invite to join with; undefined where there is none. */
  readonly invite: InviteToken | undefined;
  readonly seeds: readonly string[];
  /** Which commands of other nodes are served: those that only read, or all those of registered nodes. */
  readonly remote: 'read' | 'registered';
  /** Space of the disk that is kept free of data; undefined for the default. */
  readonly reserve: DiskReserve | undefined;
  /** A directory restored from a backup: append when the peers were asked, or at once because there are none. */
  readonly restored: 'ask' | 'alone';
  /** Take everything back from the peers: the directory of this node is gone. */
  readonly recover: boolean;
  /** With `recover`: a copy of the node's key, absolute path. */
  readonly key: string | undefined;
  /** With `recover`: the operator policy that this node takes over under a new key. */
  readonly operator: string | undefined;
  /** Whether who reaches REST has to say who it is. */
  readonly authentication: 'on' | 'off';
  /** Commands to run at start, absolute path. */
  readonly script: string | undefined;
  /** An earlier start was told the script, this one was told none. */
  readonly scriptRemembered: boolean;
  /** What the node takes again at a start that does not say otherwise. */
  readonly remember: Readonly<Record<string, string>>;
  /** What earlier starts were told cannot be read, and this one was told all of it. */
  readonly rememberedIsDamaged: boolean;
  /** What an earlier start was told of `tiles`, and what is kept until this start's own has shown to be of use. */
  readonly formerTiles: string | undefined;
  /** `HOST:PORT` at which an earlier start listened that was told port 0; undefined where there was none. */
  readonly listened: string | undefined;
}

/**
 * What a node is, and is told once: a start without it is the same node, and does the same. Not what is for one start
 * alone, and not who is let in: that is said each time, and with `--authentication off` also an address of REST that
 * others reach.
 */
const REMEMBERED = ['name', 'company', 'listen', 'rest', 'rest-tls', 'tiles', 'reserve', 'script'] as const;
type Remembered = (typeof REMEMBERED)[number];
/** Remembered as they are found from everywhere; `none` takes them back. */
const PATHS: ReadonlySet<string> = new Set(['rest-tls', 'tiles', 'script'] satisfies Remembered[]);

/** Where it is remembered, in the node's directory. */
export const REMEMBERED_FILE = 'start.json';

/** The port that port 0 has come to, beside what is remembered: no option. */
export const LISTENED = 'listened';

/** Options as given, by their long names; absent where not given. */
export interface GivenOptions {
  readonly [option: string]: string | readonly string[] | undefined;
}

const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:/]+):\d{1,5}$/, 'is not HOST:PORT, for example 127.0.0.1:32148')
  .refine((text) => Number(text.slice(text.lastIndexOf(':') + 1)) <= 65_535, 'has a port above 65535');

/** A name that is shown in tables and prompts: printable, without the table's own signs. */
const label = z
  .string()
  .trim()
  .min(1, 'is empty')
  .max(128, 'is longer than 128 characters')
  .regex(/^[^\p{C}|]+$/u, 'has a control character or "|"');

/** `512MB`, `2 GB`, or a share of the disk such as `10%`. */
const diskReserve = z
  .string()
  .regex(
    /^\d{1,12}(\.\d{1,3})? ?([kmg]?b)?$|^\d{1,2}(\.\d{1,3})? ?%$/i,
    'is neither a size nor a share of the disk, for example 512MB, 2GB or 10%',
  )
  .transform((text): DiskReserve =>
    text.endsWith('%') ? { share: Number.parseFloat(text) / 100 } : { bytes: parseSize(text) },
  );

const DIR_DEFAULT = './holdfast-data';

const schema = z.strictObject({
  dir: z.string().min(1, 'is empty').default(DIR_DEFAULT),
  name: label.default(hostname),
  company: label.default('Holdfast'),
  listen: address.default('127.0.0.1:32148'),
  rest: address.default('127.0.0.1:32149'),
  'rest-tls': z.string().min(1, 'is empty').optional(),
  tiles: z.string().min(1, 'is empty').optional(),
  network: label.optional(),
  admission: z.enum(['open', 'invite'], 'is neither open nor invite').optional(),
  invite: z.string().min(1, 'is empty').optional(),
  seed: z.array(address).default([]),
  remote: z.enum(['read', 'registered'], 'is neither read nor registered').default('read'),
  reserve: diskReserve.optional(),
  restored: z.enum(['ask', 'alone'], 'is neither ask nor alone').default('ask'),
  recover: z.enum(['true', 'false'], 'is neither true nor false').default('false'),
  key: z.string().min(1, 'is empty').optional(),
  operator: z.string().min(1, 'is empty').max(255, 'is longer than 255 characters').optional(),
  authentication: z.enum(['on', 'off'], 'is neither on nor off').default('on'),
  script: z.string().min(1, 'is empty').optional(),
});

type OptionName = keyof typeof schema.shape;
const OPTION_NAMES = Object.keys(schema.shape) as readonly OptionName[];

/** The variable that gives an option: `HOLDFAST_` and its name; several seeds are separated by commas. */
const variableOf = (option: string): string => `HOLDFAST_${option.toUpperCase().replaceAll('-', '_')}`;

/** As the command line has it: `restTls`. */
const flagOf = (option: string): string => option.replaceAll(/-[a-z]/g, (letter) => letter.slice(1).toUpperCase());

/** A value in a message: an invite is a secret, wherever it was put by mistake. */
const shown = (value: unknown): string => withoutTokens(JSON.stringify(value));

/** One JSON object, whatever it holds. */
const readObject = (path: string, what: string, hint: string): object => {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readFileSync(path, 'utf8'));
  } catch (caught) {
    throw fault('CONFIG_FILE', `${what} ${path} cannot be read: ${textOf(caught)}`, { hint });
  }
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed;
  throw fault('CONFIG_FILE', `${what} ${path} is not an object`, { hint });
};

const readConfigFile = (path: string): GivenOptions => {
  const parsed = readObject(
    path,
    'the configuration file',
    'it is one JSON object with the names of the options as its keys, for example {"name": "edge-7", "seed": ["10.0.0.1:32148"]}',
  );
  return Object.fromEntries(Object.entries(parsed).map(([key, value]) => [key, entryOf(path, key, value)]));
};

/** A value as if it had been typed; numbers and booleans can be meant in one way only. */
const fileValue = z.union([
  z.string(),
  z.number().transform(String),
  z.boolean().transform(String),
  z.array(z.string()),
]);

const entryOf = (path: string, key: string, value: unknown): string | readonly string[] => {
  if (!OPTION_NAMES.some((name) => name === key))
    throw fault('CONFIG_FILE', `the configuration file ${path} has an unknown key ${shown(key)}`, {
      hint: maybe(key, OPTION_NAMES, `known keys: ${OPTION_NAMES.join(', ')}`),
    });
  const read = fileValue.safeParse(value);
  if (read.success) return read.data;
  throw fault('CONFIG_FILE', `"${key}" in ${path}: ${shown(value).slice(0, 80)} is no text`, {
    hint: 'values are texts, "seed" also a list of texts: ["10.0.0.1:32148"]',
  });
};

interface Origin {
  readonly value: string | readonly string[];
  /** Where the value was given, for messages. */
  readonly place: string;
  /** From an earlier start. */
  readonly remembered?: true;
}

const originOf = (
  option: OptionName,
  flags: GivenOptions,
  environment: NodeJS.ProcessEnv,
  file: GivenOptions,
  filePath: string | undefined,
): Origin | undefined => {
  const flag = flags[flagOf(option)];
  // An empty variable is one that is not set; who types an empty value means something.
  if (typeof flag === 'string' || (flag !== undefined && flag.length > 0)) return { value: flag, place: `--${option}` };
  const variable = environment[variableOf(option)];
  if (variable !== undefined && variable !== '') {
    const value = option === 'seed' ? variable.split(',').map((part) => part.trim()) : variable;
    return { value, place: variableOf(option) };
  }
  const entry = file[option];
  return entry === undefined ? undefined : { value: entry, place: `"${option}" in ${filePath ?? ''}` };
};

/**
 * Options from flags over environment over file over what the node remembers over defaults. `CONFIG_VALUE` names the value, where it
 * was given and what is wrong with it; `CONFIG_FILE` for the file itself.
 */
export const resolveConfig = (flags: GivenOptions, environment: NodeJS.ProcessEnv = process.env): NodeConfig => {
  const { origins, ...former } = collectOrigins(flags, environment);
  const options = parseOptions(origins);
  const { admission, seed, dir, script, network, invite, recover, key, operator, reserve } = options;
  const { name, company, listen, rest, remote, restored, authentication, 'rest-tls': restTls, tiles } = options;
  if (network !== undefined && invite !== undefined)
    throw fault('CONFIG_VALUE', `--network ${network} creates a network and --invite joins one`, {
      hint: 'give only one of the two',
    });
  if (recover === 'false' && (key ?? operator) !== undefined)
    throw fault('CONFIG_VALUE', '--key and --operator are for a node that recovers', { hint: 'add --recover' });
  if (authentication === 'off' && origins.get('rest')?.remembered === true && !isLoopback(splitAddress(rest).host))
    throw fault('CONFIG_VALUE', `--authentication off would let everybody who reaches ${rest} command this node`, {
      hint: `that address of REST is remembered from an earlier start; if it is meant, say it as well: --rest ${rest}`,
    });
  return {
    ...{ name, company, listen, rest, remote, restored, authentication },
    restTls: pathOf(restTls),
    tiles: pathOf(tiles),
    ...{ network, operator, reserve, recover: recover === 'true', key: key === undefined ? undefined : resolve(key) },
    admission,
    invite: invite === undefined ? undefined : decodeToken(invite),
    seeds: seed,
    dir: resolve(dir),
    ...former,
    script: pathOf(script),
    scriptRemembered: origins.get('script')?.remembered === true,
    remember: Object.fromEntries(
      REMEMBERED.flatMap((option) => {
        const value = origins.get(option)?.value;
        if (typeof value !== 'string') return [];
        const kept = PATHS.has(option) ? pathOf(value) : value;
        return kept === undefined ? [] : [[option, kept]];
      }),
    ),
  };
};

/** Absolute. `none` takes back what an earlier start said. */
const pathOf = (told: string | undefined): string | undefined =>
  told === undefined || told === 'none' ? undefined : resolve(told);

/** What `--config` of a node in another directory needs to run like this one; seeds are kept in `peers.json`. */
export const configurationOf = ({
  name,
  company,
  listen,
  rest,
  restTls,
  tiles,
  remote,
  reserve,
}: NodeConfig): Readonly<Record<string, string>> => ({
  ...{ name, company, listen, rest, remote },
  ...(restTls === undefined ? {} : { 'rest-tls': restTls }),
  ...(tiles === undefined ? {} : { tiles }),
  ...(reserve === undefined ? {} : { reserve: reserveText(reserve) }),
});

const reserveText = (reserve: DiskReserve): string =>
  'bytes' in reserve ? `${reserve.bytes}` : `${+(reserve.share * 100).toFixed(3)}%`;

const NOTHING: ReadonlyMap<string, unknown> = new Map();

interface Collected {
  readonly origins: ReadonlyMap<string, Origin>;
  readonly listened: string | undefined;
  readonly formerTiles: string | undefined;
  readonly rememberedIsDamaged: boolean;
}

const collectOrigins = (flags: GivenOptions, environment: NodeJS.ProcessEnv): Collected => {
  const chosen = flags['config'] ?? environment['HOLDFAST_CONFIG'];
  if (flags['config'] === '')
    throw fault('CONFIG_VALUE', '--config: "" is empty', { hint: 'name a file, or leave it out' });
  const filePath = typeof chosen === 'string' && chosen !== '' ? chosen : undefined;
  const file = filePath === undefined ? {} : readConfigFile(filePath);
  const origins = new Map<string, Origin>();
  for (const option of OPTION_NAMES) {
    const origin = originOf(option, flags, environment, file, filePath);
    if (origin !== undefined) origins.set(option, origin);
  }
  const path = rememberedPath(origins);
  const untold = REMEMBERED.filter((option) => !origins.has(option));
  const read = existsSync(path) ? readRemembered(path, untold) : NOTHING;
  const held = read ?? NOTHING;
  for (const [option, origin] of rememberedIn(held, untold, path)) origins.set(option, origin);
  const text = z.string().safeParse(held.get('tiles')).data;
  const listened = address.safeParse(held.get(LISTENED)).data;
  return { origins, listened, formerTiles: text, rememberedIsDamaged: read === undefined };
};

const rememberedPath = (origins: ReadonlyMap<string, Origin>): string => {
  const dir = origins.get('dir')?.value;
  return join(typeof dir === 'string' && dir !== '' ? dir : DIR_DEFAULT, REMEMBERED_FILE);
};

/** Undefined where it cannot be read, and nothing is lost with it: all that it may say is said by this start. */
const readRemembered = (path: string, untold: readonly Remembered[]): ReadonlyMap<string, unknown> | undefined => {
  try {
    return new Map(Object.entries(readObject(path, 'what earlier starts said, in', sayAgain(path, untold))));
  } catch (caught) {
    if (untold.length > 0) throw caught;
    return undefined;
  }
};

const rememberedIn = (
  held: ReadonlyMap<string, unknown>,
  untold: readonly Remembered[],
  path: string,
): readonly (readonly [Remembered, Origin])[] =>
  // A newer version may have remembered more.
  untold.flatMap((option) => {
    const value = held.get(option);
    if (value === undefined) return [];
    const place = `"${option}" in ${path}`;
    if (typeof value === 'string') return [[option, { value, place, remembered: true }] as const];
    throw fault('CONFIG_FILE', `${place} is no text`, {
      hint: `say --${option} once more at the start; or ${sayAgain(path)}`,
    });
  });

const sayAgain = (path: string, options: readonly Remembered[] = REMEMBERED): string =>
  `remove ${path}, and say once more at the start what it said: ${options.map((option) => `--${option}`).join(', ')}`;

const parseOptions = (origins: ReadonlyMap<string, Origin>): z.infer<typeof schema> => {
  const given = Object.fromEntries([...origins].map(([option, { value }]) => [option, asArray(option, value)]));
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const option = String(issue?.path[0]);
  const origin = origins.get(option);
  throw fault('CONFIG_VALUE', `${origin?.place}: ${shown(origin?.value)} ${issue?.message}`, {
    data: { option },
    hint: 'see `holdfast start --help`' + (origin?.remembered ? `; or ${sayAgain(rememberedPath(origins))}` : ''),
  });
};

const asArray = (option: string, value: string | readonly string[]): string | readonly string[] =>
  option === 'seed' && typeof value === 'string' ? [value] : value;
