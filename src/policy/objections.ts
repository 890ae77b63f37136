import { isHost } from '../base/host.ts';
import { fault, type HoldfastError } from '../base/errors.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../codec/json.ts';
import { ANMP_FIXED } from './anmp.ts';
import type { PolicyBook } from './book.ts';
import { permissionsSchema } from './kinds/permissions.ts';
import { kindOf } from './kinds/registry.ts';

/**
 * What a policy says in vain, or to the harm of others: refused where it is written, told by `blockchain test` where it
 * is.
 */
interface Objection {
  /** The attribute of the root value that says it. */
  readonly attribute: string;
  readonly text: string;
  readonly code: 'POLICY_STRUCTURE' | 'POLICY_UNKNOWN' | 'POLICY_NOT_OWNER';
  readonly hint: string;
}

/** A policy as far as it matters here. `author` wrote the version, `owner` the policy. */
interface Said {
  readonly type: string;
  readonly value: JsonObject;
  readonly author: string;
  readonly owner: string;
}

/** What the status of a cluster or of one of its tables may be. */
export const CLUSTER_STATUS: readonly JsonValue[] = ['active', 'static', 'down'];

const shown = (value: JsonValue): string => {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
};

const structure = (attribute: string, text: string, hint: string): Objection => ({
  attribute,
  text,
  code: 'POLICY_STRUCTURE',
  hint,
});

const DATE = /^(\d{4}-\d{2}-\d{2})(?:[T ](?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2})?)?$/;

const isDate = (text: string): boolean => {
  const day = DATE.exec(text)?.[1];
  const at = day === undefined ? Number.NaN : Date.parse(`${day}T00:00:00Z`);
  // Parsing rolls 30 February over into March.
  return !Number.isNaN(at) && new Date(at).toISOString().slice(0, 10) === day;
};

const ofDate = ({ date }: JsonObject): readonly Objection[] =>
  typeof date !== 'string' || isDate(date)
    ? []
    : [
        structure(
          'date',
          `the date ${shown(date)} is none`,
          'leave it out, or write it as 2021-04-02T18:31:46.802694Z',
        ),
      ];

const ofHost = ({ ip }: JsonObject): readonly Objection[] =>
  typeof ip !== 'string' || isHost(ip)
    ? []
    : [
        structure(
          'ip',
          `the ip ${shown(ip)} is no address: no node can reach it there`,
          ip.startsWith('!')
            ? `the variable ${ip} has no value here: give it one first`
            : 'write an IP address or a host name, the port goes into "port"',
        ),
      ];

const ofStatus = (attribute: string, what: string, status: JsonValue | undefined): readonly Objection[] =>
  status === undefined || CLUSTER_STATUS.includes(status)
    ? []
    : [
        structure(
          attribute,
          `the status of ${what} is ${shown(status)}, not active, static or down`,
          'write "active", "static" or "down", or leave it out: active',
        ),
      ];

const ofCluster = ({ status, table }: JsonObject): readonly Objection[] => [
  ...ofStatus('status', 'the cluster', status),
  ...listOf(table).flatMap((entry, index) =>
    isJsonObject(entry) ? ofStatus('table', `entry ${index + 1} of "table"`, entry['status']) : [],
  ),
];

const ofOverlay = (book: Pick<PolicyBook, 'get'>, id: string, over: JsonObject, said: Said): readonly Objection[] => {
  const below = book.get(id);
  const at = { attribute: id };
  if (below === undefined)
    return [
      {
        ...at,
        text: `anmp names the policy ${shown(id)}, which is not in the ledger: it shows nothing`,
        code: 'POLICY_UNKNOWN',
        hint: 'the id of the policy is the name in it: {"anmp": {"<policy id>": {…}}}',
      },
    ];
  const { peer } = below.value;
  if (typeof peer === 'string' && (peer !== said.author || peer !== said.owner))
    return [
      {
        ...at,
        text: `policy ${id} belongs to the node with the key ${peer}: an anmp policy of another node shows nothing over it`,
        code: 'POLICY_NOT_OWNER',
        hint: 'insert it on that node',
      },
    ];
  return Object.keys(over)
    .filter((name) => ANMP_FIXED.has(name))
    .map((name) => structure(id, `anmp does not change ${name} of a policy`, `leave ${name} out`));
};

const ofAnmp = (book: Pick<PolicyBook, 'get'>, said: Said): readonly Objection[] =>
  Object.entries(said.value).flatMap(([id, over]) => (isJsonObject(over) ? ofOverlay(book, id, over, said) : []));

const PERMISSIONS_ATTRIBUTES: readonly string[] = [
  ...Object.keys(permissionsSchema.shape),
  ...['id', 'date', 'ledger', 'public_key', 'signature', 'description', 'comment'],
];

/** Permissions that are written wrongly would allow what they are meant to forbid, without a word. */
const ofPermissions = (value: JsonObject): readonly Objection[] => [
  ...Object.keys(value)
    .filter((name) => !PERMISSIONS_ATTRIBUTES.includes(name))
    .map((name) =>
      structure(
        name,
        `permissions have no attribute ${shown(name)}: it would do nothing`,
        `there are: ${PERMISSIONS_ATTRIBUTES.join(', ')}`,
      ),
    ),
  ...['enable', 'disable'].flatMap((name) =>
    listOf(value[name])
      .filter((entry) => typeof entry === 'string' && entry.trim().startsWith('-'))
      .map((entry) =>
        structure(
          name,
          `${shown(entry)} in ${name} is no beginning of a command`,
          'what is not to be run goes into "disable"; - is for names of databases and tables',
        ),
      ),
  ),
];

const listOf = (value: JsonValue | undefined): readonly JsonValue[] =>
  Array.isArray(value) ? (value as readonly JsonValue[]) : [];

/**
 * What is to be said against a policy in normal form. No rule of the fold: what is in ledgers stays in force, and is
 * told by `blockchain test`.
 */
export const objectionsTo = (book: Pick<PolicyBook, 'get'>, said: Said): readonly Objection[] => [
  ...ofDate(said.value),
  ...(kindOf(said.type)?.isNode === true ? ofHost(said.value) : []),
  ...(said.type === 'cluster' ? ofCluster(said.value) : []),
  ...(said.type === 'anmp' ? ofAnmp(book, said) : []),
  ...(said.type === 'permissions' ? ofPermissions(said.value) : []),
];

const refusal = ({ type }: Said, { text, code, hint, attribute }: Objection): HoldfastError =>
  fault(code, `${type} policy: ${text}`, { data: { type, attribute }, hint });

/**
 * Refuses an own write that says such a thing in one of the attributes `written`: what an earlier version said already
 * holds up no update of something else. Throws `POLICY_STRUCTURE`, `POLICY_UNKNOWN`, `POLICY_NOT_OWNER`.
 */
export const refuseObjections = (book: Pick<PolicyBook, 'get'>, said: Said, written: readonly string[]): void => {
  const found = objectionsTo(book, said).find(({ attribute }) => written.includes(attribute));
  if (found !== undefined) throw refusal(said, found);
};
