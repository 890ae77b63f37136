import { timingSafeEqual } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { fault, textOf } from '../../base/errors.ts';
import { writeFileDurably } from '../../base/files.ts';
import { USER_CHARS_MAX, USERS_MAX } from '../../base/limits.ts';
import { OneByOne } from '../../base/one-by-one.ts';
import type { Random } from '../../base/random.ts';
import { hashPassword, type PasswordHash, passwordHolds, passwordMark, SALT_BYTES } from './password.ts';
import { PasswordTries } from './password-tries.ts';
import { type Kept, readUsers, type User } from './users-file.ts';

/** A user who is let in. */
export interface AdmittedUser extends User {
  /**
   * Another with each password that is set, so that one of the same name is not taken for this one; absent where the
   * key alone says who it is.
   */
  readonly stamp?: string;
}

/** A password that is to be looked at. */
interface Check {
  readonly name: string;
  readonly user: Kept | undefined;
  readonly password: string;
  readonly mark: Buffer;
  readonly from: string;
}

const shownUser = ({ name, type, expires, permissions, key }: User): User => ({
  ...{ name, type, expires },
  ...(permissions === undefined ? {} : { permissions }),
  ...(key === undefined ? {} : { key }),
});

const admitted = (user: Kept): AdmittedUser => ({
  ...shownUser(user),
  ...(user.password === undefined ? {} : { stamp: user.password.salt }),
});

/** The users of a node's REST, in a file that only the node's own user reads; of passwords their scrypt hash alone. */
export class Users {
  readonly #path: string;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #kept: Map<string, Kept>;
  readonly #tries: PasswordTries;
  readonly #markKey: Uint8Array;
  /** Marks of passwords that were found right, so that only the first request of a user pays for the hash. */
  readonly #marks = new Map<string, Buffer>();
  /** Checks that are being made, by name and mark: a client that begins with many requests at once makes one try. */
  readonly #running = new Map<string, Promise<AdmittedUser | undefined>>();
  readonly #changes = new OneByOne();

  private constructor(path: string, kept: readonly Kept[], clock: Clock, random: Random) {
    this.#path = path;
    this.#clock = clock;
    this.#random = random;
    this.#kept = new Map(kept.map((user) => [user.name, user]));
    this.#tries = new PasswordTries(clock);
    this.#markKey = random.bytes(32);
  }

  /** `NODE_DIR_UNUSABLE` where the file is damaged. */
  static async open(path: string, { clock, random }: { clock: Clock; random: Random }): Promise<Users> {
    return new Users(path, await readUsers(path), clock, random);
  }

  list(): readonly User[] {
    return [...this.#kept.values()].map(shownUser);
  }

  /**
   * Who has no key needs a password. `ACCESS_USER_EXISTS`, `ACCESS_USER_NAME`, `ACCESS_PASSWORD`, `ACCESS_USERS_FULL`.
   */
  async add(user: User, password: string | undefined): Promise<void> {
    const { name } = user;
    // A colon would end the name where it travels (RFC 7617).
    if (!/^[^\p{C}:|]+$/u.test(name) || name.length > USER_CHARS_MAX)
      throw fault(
        'ACCESS_USER_NAME',
        `the name of a user has 1 to ${USER_CHARS_MAX} characters, none of them ":" or "|"`,
      );
    await this.#change(async () => {
      if (this.#kept.has(name))
        throw fault('ACCESS_USER_EXISTS', `there is a user ${name} already`, {
          hint: `id update user password where name = ${name} and password = …, or id remove user where name = ${name}`,
        });
      const same = [...this.#kept.values()].find(({ key }) => key !== undefined && key === user.key);
      if (same !== undefined)
        throw fault('ACCESS_USER_EXISTS', `the key is that of the user ${same.name} already`, {
          hint: `id remove user where name = ${same.name}`,
        });
      if (this.#kept.size >= USERS_MAX)
        throw fault('ACCESS_USERS_FULL', `there are ${USERS_MAX} users, which is the most`, { hint: 'id remove user' });
      const isByKey = password === undefined && user.key !== undefined;
      this.#kept.set(name, isByKey ? user : { ...user, password: await this.#hash(password ?? '') });
    });
  }

  /** The user who is let in by the certificate with that key; undefined where there is none, or its time is over. */
  certified(key: string): AdmittedUser | undefined {
    const found = [...this.#kept.values()].find((user) => user.key === key);
    return found !== undefined && this.#isInTime(found) ? admitted(found) : undefined;
  }

  /** Undefined where there is none, or its time is over. */
  named(name: string): AdmittedUser | undefined {
    const found = this.#kept.get(name);
    return found !== undefined && this.#isInTime(found) ? admitted(found) : undefined;
  }

  /** `ACCESS_USER_UNKNOWN`, `ACCESS_PASSWORD`. */
  async setPassword(name: string, password: string): Promise<void> {
    await this.#change(async () => {
      const user = this.#find(name);
      this.#kept.set(name, { ...user, password: await this.#hash(password) });
      this.#marks.delete(name);
    });
  }

  /** `ACCESS_USER_UNKNOWN`. */
  async remove(name: string): Promise<void> {
    await this.#change(async () => {
      this.#kept.delete(this.#find(name).name);
      this.#marks.delete(name);
    });
  }

  /** The user with that name and password; undefined where there is none. `ACCESS_TRIES`, `ACCESS_BUSY`. */
  async verify(name: string, password: string, from: string): Promise<AdmittedUser | undefined> {
    const kept = this.#kept.get(name);
    const user = kept !== undefined && this.#isInTime(kept) ? kept : undefined;
    // No user has such a one, and names are remembered.
    if (Math.max(name.length, password.length) > USER_CHARS_MAX) return undefined;
    const mark = passwordMark(this.#markKey, password);
    const known = this.#marks.get(name);
    if (user !== undefined && known !== undefined && timingSafeEqual(known, mark)) return admitted(user);
    const key = `${name}\n${mark.toString('hex')}`;
    const running =
      this.#running.get(key) ??
      this.#check({ name, user, password, mark, from }).finally(() => this.#running.delete(key));
    this.#running.set(key, running);
    return running;
  }

  async #check({ name, user, password, mark, from }: Check): Promise<AdmittedUser | undefined> {
    const holds = (): Promise<boolean> => passwordHolds(password, user?.password);
    if (!(await this.#tries.check(name, from, holds))) return undefined;
    // The user may have been changed while the hash was made.
    if (user === undefined || this.#kept.get(user.name) !== user) return undefined;
    this.#marks.set(user.name, mark);
    return admitted(user);
  }

  #isInTime({ expires }: User): boolean {
    return expires === undefined || this.#clock.wallMs() < expires;
  }

  #find(name: string): Kept {
    const user = this.#kept.get(name);
    if (user === undefined)
      throw fault('ACCESS_USER_UNKNOWN', `there is no user ${name.slice(0, USER_CHARS_MAX)}`, { hint: 'get users' });
    return user;
  }

  async #hash(password: string): Promise<PasswordHash> {
    if (password === '' || password.length > USER_CHARS_MAX)
      throw fault('ACCESS_PASSWORD', `a password has 1 to ${USER_CHARS_MAX} characters`);
    return hashPassword(password, this.#random.bytes(SALT_BYTES));
  }

  /** One change at a time: made, then written; a change that cannot be written is taken back. */
  #change(make: () => Promise<void>): Promise<void> {
    return this.#changes.take(async () => {
      const before = [...this.#kept];
      await make();
      try {
        const text = JSON.stringify({ v: 1, users: [...this.#kept.values()] }, undefined, 2);
        await writeFileDurably(this.#path, `${text}\n`, { mode: 0o600 });
      } catch (caught) {
        this.#kept.clear();
        for (const [name, user] of before) this.#kept.set(name, user);
        throw fault('NODE_DIR_UNUSABLE', `the users cannot be kept in ${this.#path}: ${textOf(caught)}`, {
          cause: caught,
        });
      }
    });
  }
}
