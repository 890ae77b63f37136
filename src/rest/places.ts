import { fault } from '../base/errors.ts';
import {
  REST_ROWS_OF_ONE_MAX,
  REST_RUNNING_FEW,
  REST_RUNNING_KEPT,
  REST_RUNNING_MAX,
  REST_RUNNING_OF_ONE_MAX,
  REST_RUNNING_SPARE,
} from '../base/limits.ts';
import type { Person } from '../command/access/access.ts';

type Work = 'command' | 'rows';

/** Commands last as long as their sender likes, rows as long as the database takes. */
const SHARE: Readonly<Record<Work, number>> = { command: REST_RUNNING_OF_ONE_MAX, rows: REST_ROWS_OF_ONE_MAX };
const WORKS: readonly Work[] = ['command', 'rows'];
const CALLED: Readonly<Record<Work, string>> = { command: 'commands', rows: 'PUTs' };

/**
 * The requests that are being worked on. Nobody but admins may hold more than a share with commands, nor one with rows;
 * the last places are for who holds few, so that two or three cannot take all; and some are kept for admins, who have
 * to see what takes the others.
 */
export class Places {
  #taken = 0;
  /** By work and person. */
  readonly #held = new Map<string, number>();

  /** Takes a place; gives how to give it back, once. `REST_BUSY`. */
  take(person: Person, work: Work): () => void {
    const share = person.admin ? undefined : shareOf(person, work);
    if (this.#taken >= this.#mostFor(person))
      throw fault('REST_BUSY', `${this.#taken} requests are being worked on`, { hint: 'send it again in a moment' });
    if (share !== undefined) this.#take(share, work);
    this.#taken += 1;
    return () => {
      this.#taken -= 1;
      if (share !== undefined) this.#giveBack(share);
    };
  }

  #mostFor(person: Person): number {
    if (person.admin) return REST_RUNNING_MAX;
    const held = WORKS.reduce((sum, work) => sum + (this.#held.get(shareOf(person, work)) ?? 0), 0);
    return REST_RUNNING_MAX - REST_RUNNING_KEPT - (held < REST_RUNNING_FEW ? 0 : REST_RUNNING_SPARE);
  }

  #take(share: string, work: Work): void {
    const held = this.#held.get(share) ?? 0;
    if (held >= SHARE[work])
      throw fault('REST_BUSY', `${held} ${CALLED[work]} of yours are being worked on`, {
        hint: 'wait for one of them, or send it as another user',
      });
    this.#held.set(share, held + 1);
  }

  #giveBack(share: string): void {
    const left = (this.#held.get(share) ?? 1) - 1;
    if (left === 0) this.#held.delete(share);
    else this.#held.set(share, left);
  }
}

/** Of a user the name, whichever way it came in; names of certificates are not theirs alone, their keys are. */
const nameOf = ({ by, name, key }: Person): string => `${by} ${by === 'user' ? name : (key ?? name)}`;

const shareOf = (person: Person, work: Work): string => `${work} ${nameOf(person)}`;
