import { fault } from '../base/errors.ts';
import { REST_RUNNING_KEPT, REST_RUNNING_MAX, REST_RUNNING_OF_ONE_MAX } from '../base/limits.ts';
import type { Person } from '../command/access/access.ts';

/**
 * The requests that are being worked on. Nobody but admins may hold more than a share with commands, which last as long as their sender likes; and some
 * places are kept for admins, who have to see what takes the others.
 */
export class Places {
  #taken = 0;
  readonly #commandsOf = new Map<string, number>();

  /** Takes a place; gives how to give it back, once. `REST_BUSY`. */
  take(person: Person, work: 'command' | 'rows'): () => void {
    const most = person.admin ? REST_RUNNING_MAX : REST_RUNNING_MAX - REST_RUNNING_KEPT;
    if (this.#taken >= most)
      throw fault('REST_BUSY', `${this.#taken} requests are being worked on`, { hint: 'send it again in a moment' });
    const who = person.admin || work === 'rows' ? undefined : nameOf(person);
    if (who !== undefined) this.#share(who);
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
      if (who !== undefined) this.#unshare(who);
    };
  }

  #share(who: string): void {
    const held = this.#commandsOf.get(who) ?? 0;
    if (held >= REST_RUNNING_OF_ONE_MAX)
      throw fault('REST_BUSY', `${held} commands of yours are being worked on`, {
        hint: 'wait for one of them, or send it as another user',
      });
    this.#commandsOf.set(who, held + 1);
  }

  #unshare(who: string): void {
    const left = (this.#commandsOf.get(who) ?? 1) - 1;
    if (left === 0) this.#commandsOf.delete(who);
    else this.#commandsOf.set(who, left);
  }
}

/** Of a user the name, whichever way it came in; names of certificates are not theirs alone, their keys are. */
const nameOf = ({ by, name, key }: Person): string => `${by} ${by === 'user' ? name : (key ?? name)}`;
