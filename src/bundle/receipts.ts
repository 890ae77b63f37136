import type { PeerKey } from '../network/network.ts';
import type { Checkpoint } from '../receipt/checkpoint.ts';
import { COSIGNATURE_V1, ED25519, verifierKey } from '../receipt/note.ts';
import { type Origin, originText, witnessName } from '../receipt/origin.ts';

/** The bytes of `receipts`: the entries of the checkpoint in the order of their arrival, a hash a line. */
export const receiptsText = (entries: readonly string[]): string => entries.map((hash) => `${hash}\n`).join('');

/** Registered nodes that cosigned one of some checkpoints, ascending: whose word counts. */
const witnessesIn = (checkpoints: readonly Checkpoint[], registered: ReadonlySet<PeerKey>): readonly PeerKey[] => {
  const keys = checkpoints.flatMap(({ cosignatures }) => cosignatures.map(({ witness }) => witness));
  return [...new Set(keys)].filter((key) => registered.has(key)).sort();
};

/** Whether a node whose word counts has cosigned it. */
export const isWitnessed = ({ cosignatures }: Checkpoint, registered: ReadonlySet<PeerKey>): boolean =>
  cosignatures.some(({ witness }) => registered.has(witness));

/**
 * How many entries of a log were there by a time (microseconds since 1970) by the word of a registered node: those of
 * the largest of its checkpoints, any number of them, that one has cosigned by then.
 */
export const shownSize = (
  checkpoints: readonly Checkpoint[],
  registered: ReadonlySet<PeerKey>,
  micros: number,
): number => {
  const isShown = ({ cosignatures }: Checkpoint): boolean =>
    cosignatures.some(({ witness, time }) => registered.has(witness) && time * 1_000_000 <= micros);
  return checkpoints.reduce((most, each) => (isShown(each) ? Math.max(most, each.size) : most), 0);
};

const key = (name: string, type: number, of: PeerKey): string => verifierKey(name, type, Buffer.from(of, 'hex'));

/** What the checkpoints of a bundle have in common. */
export interface Trust {
  readonly origin: Origin;
  readonly witnesses: readonly PeerKey[];
  /** Whether each of them is cosigned by one of the witnesses. */
  readonly all: boolean;
}

/**
 * What a bundle's newest checkpoint, and those that prove single entries, are worth: who of the registered cosigned
 * them.
 */
export const trustIn = (newest: Checkpoint, proven: readonly Checkpoint[], registered: ReadonlySet<PeerKey>): Trust => {
  const checkpoints = [newest, ...proven];
  const witnesses = witnessesIn(checkpoints, registered);
  return { origin: newest.origin, witnesses, all: checkpoints.every((each) => isWitnessed(each, registered)) };
};

/**
 * `policy.txt`, a C2SP tlog-policy: the log, the witnesses, and that the word of one of them is enough, where each
 * checkpoint has one.
 */
export const trustPolicy = ({ origin, witnesses, all }: Trust): string => {
  const named = witnesses.map(
    (witness) => `witness ${witness} ${key(witnessName(origin.network, witness), COSIGNATURE_V1, witness)}\n`,
  );
  const quorum = all ? `group witnesses any ${witnesses.join(' ')}\nquorum witnesses\n` : 'quorum none\n';
  return `log ${key(originText(origin), ED25519, origin.node)}\n${named.join('')}${quorum}`;
};
