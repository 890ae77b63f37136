import type { PeerKey } from '../network/network.ts';
import type { Checkpoint } from '../receipt/checkpoint.ts';
import { COSIGNATURE_V1, ED25519, verifierKey } from '../receipt/note.ts';
import { type Origin, originText, witnessName } from '../receipt/origin.ts';

/** The bytes of `receipts`: the entries of the checkpoint in the order of their arrival, a hash a line. */
export const receiptsText = (entries: readonly string[]): string => entries.map((hash) => `${hash}\n`).join('');

/** Registered nodes that cosigned one of some checkpoints, ascending: whose word counts. */
export const witnessesIn = (
  checkpoints: readonly Checkpoint[],
  registered: ReadonlySet<PeerKey>,
): readonly PeerKey[] => {
  const keys = checkpoints.flatMap(({ cosignatures }) => cosignatures.map(({ witness }) => witness));
  return [...new Set(keys)].filter((key) => registered.has(key)).sort();
};

const key = (name: string, type: number, of: PeerKey): string => verifierKey(name, type, Buffer.from(of, 'hex'));

/** `policy.txt`, a C2SP tlog-policy: the log, the witnesses, and that the word of one of them is enough. */
export const trustPolicy = (origin: Origin, witnesses: readonly PeerKey[]): string => {
  const named = witnesses.map(
    (witness) => `witness ${witness} ${key(witnessName(origin.network, witness), COSIGNATURE_V1, witness)}\n`,
  );
  const quorum =
    named.length === 0 ? 'quorum none\n' : `group witnesses any ${witnesses.join(' ')}\nquorum witnesses\n`;
  return `log ${key(originText(origin), ED25519, origin.node)}\n${named.join('')}${quorum}`;
};
