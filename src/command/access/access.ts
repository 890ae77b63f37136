import { createHash, timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { fault, type HoldfastError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { AdmittedUser, Users } from './users.ts';

/** Who speaks at a front door. */
export interface Person {
  /**
   * `token`: who can read the node's token file; `user`: by name and password, or the key of its certificate;
   * `certificate`: by a TLS certificate whose key a member policy names; `anyone`: while authentication is off; `node`:
   * another node, whose commands come by the network.
   */
  readonly by: 'token' | 'user' | 'certificate' | 'anyone' | 'node';
  /** Of the user or the member policy; empty for the others. */
  readonly name: string;
  /** Whether it may also say who else may do what, and end or copy the node. */
  readonly admin: boolean;
  /** Of a certificate, a node, or a user that has a certificate: what assignments name. */
  readonly key?: string;
  /** Of a user: id of the only permissions policy that it goes by; absent for who has the rights of its type. */
  readonly permissions?: string;
  /** Of a user that has a password: another with each that is set. */
  readonly stamp?: string;
  /** Until when the certificate is good that was shown, milliseconds since 1970; absent where none was. */
  readonly untilMs?: number;
}

/** A certificate that the client of a TLS connection has shown, with proof that it holds its key. */
export interface ShownCertificate {
  /** SHA-256 of its public key (SubjectPublicKeyInfo), 64 hex digits. */
  readonly key: string;
  /** Whom it names. */
  readonly subject: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
  /** Why it is not trusted; undefined where a CA of this node has signed it. */
  readonly wrong: string | undefined;
}

/** Who may come in by the front doors: the node's token, its users, and members with a certificate. */
export interface AccessOptions {
  readonly token: string;
  /** File of the token, for messages. */
  readonly tokenPath: string;
  readonly users: Users;
  /** `off`: whoever reaches REST commands the node. */
  readonly authentication: 'on' | 'off';
  readonly log: Logger;
  readonly clock: Pick<Clock, 'wallMs'>;
  /** Name of the member policy of type certificate with that key; undefined where there is none. */
  certificateMember(key: string): string | undefined;
}

const TOKEN: Person = { by: 'token', name: '', admin: true };
const ANYONE: Person = { by: 'anyone', name: '', admin: true };

/** With its key also where it came by its password: what is assigned to the key holds for the person. */
export const personOf = ({ name, type, permissions, key, stamp }: AdmittedUser): Person => ({
  ...{ by: 'user' as const, name, admin: type === 'admin' },
  ...(permissions === undefined ? {} : { permissions }),
  ...(key === undefined ? {} : { key }),
  ...(stamp === undefined ? {} : { stamp }),
});

/** What makes a user of that name the one that was let in. */
const SAME_IN = ['admin', 'permissions', 'key', 'stamp'] as const;

const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest();

/** Lets in at the front doors who shows the node's token, or the name and password of a user. */
export class Access {
  readonly users: Users;
  readonly #options: AccessOptions;
  readonly #token: Uint8Array;
  #required = true;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.users = options.users;
    this.#token = digest(options.token);
    this.require(options.authentication === 'on');
  }

  /** Whether who reaches REST has to say who it is. */
  get required(): boolean {
    return this.#required;
  }

  /** Turns authentication on or off, until the node ends. */
  require(required: boolean): void {
    this.#required = required;
    if (!required)
      this.#options.log.warn('authentication is off: whoever reaches REST commands this node (set authentication on)');
  }

  /**
   * Who sends this `Authorization` header from that address, or without one shows that certificate. `ACCESS_DENIED`;
   * `ACCESS_CERTIFICATE`; `ACCESS_TRIES` after too many wrong passwords; `ACCESS_BUSY`.
   */
  async admit(authorization: string | undefined, from: string, certificate?: ShownCertificate): Promise<Person> {
    if (!this.#required) return ANYONE;
    if (authorization === undefined && certificate !== undefined) return this.#certified(certificate);
    const found = /^(bearer|basic)\s+(\S+)\s*$/i.exec(authorization ?? '');
    if (found === null) throw this.#denied('this request does not say who sends it');
    const [, scheme = '', value = ''] = found;
    if (scheme.toLowerCase() === 'bearer') {
      if (timingSafeEqual(digest(value), this.#token)) return TOKEN;
      throw this.#denied('the token is not that of this node');
    }
    const pair = Buffer.from(value, 'base64').toString('utf8');
    const colon = pair.indexOf(':');
    if (colon < 0) throw this.#denied('the name and password are not NAME:PASSWORD in base64');
    const user = await this.users.verify(pair.slice(0, colon), pair.slice(colon + 1), from);
    if (user === undefined) throw this.#denied('no user has this name and password');
    return personOf(user);
  }

  /**
   * Who that is today: one let in before may have lost that since. Undefined where it would not be let in any more, or
   * not with the same rights: a user of the same name that was added anew is another, and so is one whose password was
   * changed, since that locks out who knew the old.
   */
  current(person: Person): Person | undefined {
    const { by, name, key, untilMs } = person;
    if (untilMs !== undefined && this.#options.clock.wallMs() > untilMs) return undefined;
    switch (by) {
      case 'token':
      case 'node':
        return person;
      case 'anyone':
        return this.#required ? undefined : person;
      case 'certificate':
        return key !== undefined && this.#options.certificateMember(key) === name ? person : undefined;
      case 'user': {
        const user = this.users.named(name);
        if (user === undefined) return undefined;
        const today = personOf(user);
        return SAME_IN.every((property) => today[property] === person[property]) ? person : undefined;
      }
    }
  }

  #certified({ key, subject, untilMs, wrong }: ShownCertificate): Person {
    const isOver = this.#options.clock.wallMs() > untilMs;
    if (wrong !== undefined || isOver)
      throw fault('ACCESS_CERTIFICATE', `the certificate of ${subject} is not trusted: ${wrong ?? 'it has expired'}`, {
        data: { key },
        hint: 'show one that a CA in ca.pem of this node has signed, or a token or a user and password',
      });
    const user = this.users.certified(key);
    if (user !== undefined) return { ...personOf(user), untilMs };
    const name = this.#options.certificateMember(key);
    if (name !== undefined) return { by: 'certificate', name, admin: false, key, untilMs };
    throw fault('ACCESS_CERTIFICATE', `no member policy names the certificate of ${subject}`, {
      data: { key },
      hint:
        `an admin of a node that may write policies inserts: blockchain insert where policy = {"member": {"type": "certificate", "name": "…", "public_key": "${key}"}}; ` +
        `or, on this node alone, also as an admin: id add user where name = NAME and type = admin and key = ${key}`,
    });
  }

  #denied(text: string): HoldfastError {
    return fault('ACCESS_DENIED', text, {
      hint:
        `send the header "Authorization: Bearer TOKEN", or name and password of a user (curl -u NAME); TOKEN is in ${this.#options.tokenPath}. ` +
        'holdfast exec and shell find it by themselves where the same user runs the node, and take it from HOLDFAST_TOKEN elsewhere',
    });
  }
}
