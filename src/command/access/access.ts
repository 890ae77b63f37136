import { createHash, timingSafeEqual } from 'node:crypto';
import { fault, type HoldfastError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Users } from './users.ts';

/** Who speaks at a front door. */
export interface Person {
  /** `token`: who can read the node's token file; `user`: by name and password; `anyone`: while authentication is off. */
  readonly by: 'token' | 'user' | 'anyone';
  /** The user's name; empty for the others. */
  readonly name: string;
  /** Whether it may also say who else may do what, and end or copy the node. */
  readonly admin: boolean;
}

export interface AccessOptions {
  readonly token: string;
  /** File of the token, for messages. */
  readonly tokenPath: string;
  readonly users: Users;
  /** `off`: whoever reaches REST commands the node. */
  readonly authentication: 'on' | 'off';
  readonly log: Logger;
}

const TOKEN: Person = { by: 'token', name: '', admin: true };
const ANYONE: Person = { by: 'anyone', name: '', admin: true };

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
   * Who sends this `Authorization` header from that address. `ACCESS_DENIED`; `ACCESS_TRIES` after too many wrong
   * passwords; `ACCESS_BUSY`.
   */
  async admit(authorization: string | undefined, from: string): Promise<Person> {
    if (!this.#required) return ANYONE;
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
    return { by: 'user', name: user.name, admin: user.type === 'admin' };
  }

  #denied(text: string): HoldfastError {
    return fault('ACCESS_DENIED', text, {
      hint:
        `send the header "Authorization: Bearer TOKEN", or name and password of a user (curl -u NAME); TOKEN is in ${this.#options.tokenPath}. ` +
        'holdfast exec and shell find it by themselves where the same user runs the node, and take it from HOLDFAST_TOKEN elsewhere',
    });
  }
}
