import { randomBytes } from 'node:crypto';

/** Chance as a port, so that a simulation is repeated by its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number;
  bytes(count: number): Uint8Array;
}

/** The system's own chance; `bytes` is fit for keys. */
export const systemRandom: Random = { fraction: Math.random, bytes: (count) => randomBytes(count) };
