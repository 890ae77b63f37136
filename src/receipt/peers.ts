import { WITNESS_TIMEOUT_MS, WITNESS_TOLD_MAX } from '../base/limits.ts';
import { rootOfInclusion } from '../codec/merkle.ts';
import { fault } from '../base/errors.ts';
import { checked, type Network, type PeerKey } from '../network/network.ts';
import { type Checkpoint, readCheckpoint } from './checkpoint.ts';
import { leafOfEntry } from './evidence.ts';
import type { SubmitAnswer } from './keeper.ts';
import type { FetchEntries } from './memory-tree.ts';
import {
  type Answer,
  decodeAnswer,
  decodeHashes,
  encodeQuestion,
  proofJson,
  refusalOf,
  WITNESS_PROTOCOL,
} from './messages.ts';
import { type Origin, originText } from './origin.ts';
import { readSplitView, type SplitView, splitViewJson } from './split-view.ts';

/** Asks other nodes; what they answer is checked as far as the question allows. Errors: `RECEIPT_…`, `NETWORK_…`. */
export class ReceiptPeers {
  readonly #network: Network;

  constructor(network: Network) {
    this.#network = network;
  }

  async submit(witness: PeerKey, old: number, proof: readonly Buffer[], checkpoint: Checkpoint): Promise<SubmitAnswer> {
    const answer = await this.#ask(witness, {
      ask: 'cosign',
      old,
      proof: proofJson(proof),
      checkpoint: checkpoint.note,
    });
    if (answer.answer !== 'cosigned' && answer.answer !== 'stale') throw refusalOf(answer);
    return answer;
  }

  /** What the peer cosigned for these logs, and split views that it can prove, all checked. */
  async compare(
    peer: PeerKey,
    checkpoints: readonly Checkpoint[],
    splits: readonly SplitView[],
  ): Promise<{ readonly checkpoints: readonly Checkpoint[]; readonly splits: readonly SplitView[] }> {
    const answer = await this.#ask(peer, {
      ask: 'compare',
      checkpoints: checkpoints.slice(0, WITNESS_TOLD_MAX).map(({ note }) => note),
      splits: splits.slice(0, WITNESS_TOLD_MAX).map(splitViewJson),
    });
    if (answer.answer !== 'compared') throw refusalOf(answer);
    return { checkpoints: answer.checkpoints.map(readCheckpoint), splits: answer.splits.map(readSplitView) };
  }

  /** The last checkpoint of a node that counts up to a time, by what the peer has of it. */
  async known(
    peer: PeerKey,
    node: PeerKey,
    time: number,
    signal?: AbortSignal,
  ): Promise<{ readonly checkpoint: Checkpoint; readonly final: boolean }> {
    const answer = await this.#ask(peer, { ask: 'known', node, time }, signal);
    if (answer.answer !== 'known') throw refusalOf(answer);
    const checkpoint = readCheckpoint(answer.checkpoint);
    if (checkpoint.origin.node !== node || checkpoint.cosignatures.some((each) => each.time > time))
      throw fault('RECEIPT_PROOF_BAD', 'the checkpoint is not one of that node up to that time');
    return { checkpoint, final: answer.final };
  }

  fetch(peer: PeerKey, origin: Origin, signal?: AbortSignal): FetchEntries {
    return async (from, to) => {
      const question = encodeQuestion({ ask: 'entries', origin: originText(origin), from, to });
      const options = { timeoutMs: WITNESS_TIMEOUT_MS, signal };
      return decodeHashes(await this.#network.request(peer, WITNESS_PROTOCOL, question, options));
    };
  }

  /** Where the peer's own receipts name an entry, proven by the inclusion proof. */
  async named(
    peer: PeerKey,
    entry: string,
    signal?: AbortSignal,
  ): Promise<{ readonly index: number; readonly checkpoint: Checkpoint }> {
    const answer = await this.#ask(peer, { ask: 'named', entry }, signal);
    if (answer.answer !== 'named') throw refusalOf(answer);
    const checkpoint = readCheckpoint(answer.checkpoint);
    const root = rootOfInclusion(leafOfEntry(entry), answer.index, checkpoint.size, answer.proof);
    if (checkpoint.origin.node !== peer || root?.equals(checkpoint.root) !== true)
      throw fault('RECEIPT_PROOF_BAD', 'the proof does not show that the receipts of that node name the entry');
    return { index: answer.index, checkpoint };
  }

  async #ask(peer: PeerKey, question: Parameters<typeof encodeQuestion>[0], signal?: AbortSignal): Promise<Answer> {
    const options = { timeoutMs: WITNESS_TIMEOUT_MS, signal };
    const frame = await this.#network.request(peer, WITNESS_PROTOCOL, encodeQuestion(question), options);
    return checked({ blame: (caught) => this.#network.blame(peer, caught) }, () => decodeAnswer(frame));
  }
}
