import type { Archive, ArchivedBody, ArchiveHolder } from '../../src/ledger/archive/port.ts';

/** An archive that is two maps. What is in neither, nobody has. */
export interface MemoryArchive extends Archive {
  readonly kept: Map<string, Uint8Array>;
  readonly states: Map<string, readonly Uint8Array[]>;
}

export const createMemoryArchive = (holders: readonly ArchiveHolder[] = []): MemoryArchive => {
  const kept = new Map<string, Uint8Array>();
  const states = new Map<string, readonly Uint8Array[]>();
  return {
    kept,
    states,
    async *bodies(hashes): AsyncGenerator<ArchivedBody> {
      for (const hash of hashes) {
        const body = kept.get(hash);
        if (body !== undefined) yield { hash, body };
      }
    },
    leaves: async (snapshot) => states.get(snapshot),
    holders: () => holders,
  };
};
