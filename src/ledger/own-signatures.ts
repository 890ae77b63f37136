import type { Entry } from '../entry/entry.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { Signatures } from '../entry/signatures.ts';

/** In a smaller group the way to the thread pool and back takes longer than the signatures. */
export const SIGNED_AT_ONCE_MAX = 8;

/**
 * The signatures of one group's own entries. An entry's hash does not depend on its signature, so the next entries are
 * chained to it at once, while other cores sign. The group may go to disk once they are `finished`.
 */
export class OwnSignatures {
  readonly #signatures: Signatures;
  readonly #key: SigningKey;
  readonly #inBackground: boolean;
  readonly #open: Promise<void>[] = [];

  constructor(signatures: Signatures, key: SigningKey, inBackground: boolean) {
    this.#signatures = signatures;
    this.#key = key;
    this.#inBackground = inBackground;
  }

  readonly sign = ({ raw }: Entry): void => {
    if (!this.#inBackground) raw.signature.set(this.#signatures.sign(this.#key, raw.header));
    else {
      const signing = this.#signatures.signInBackground(this.#key, raw.header);
      this.#open.push(signing.then((made) => raw.signature.set(made)));
    }
  };

  /** Throws what any of them threw: then none of the group may be written. */
  async finished(): Promise<void> {
    await Promise.all(this.#open);
  }
}
