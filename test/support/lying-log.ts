import { createHash } from 'node:crypto';
import { signingKeyFromSeed } from '../../src/entry/keys.ts';
import type { Network, PeerKey } from '../../src/network/network.ts';
import { type Checkpoint, readCheckpoint, signCheckpoint } from '../../src/receipt/checkpoint.ts';
import type { SubmitAnswer } from '../../src/receipt/keeper.ts';
import { MemoryTree } from '../../src/receipt/memory-tree.ts';
import { decodeQuestion, encodeAnswer, encodeHashes, WITNESS_PROTOCOL } from '../../src/receipt/messages.ts';
import { ReceiptPeers } from '../../src/receipt/peers.ts';
import { consistencyProof, rootAt } from '../../src/receipt/tree.ts';

const ENTRIES = 400;

/** The tree of a branch: branch 0 and any other part after `parting` entries. */
const branchTree = (branch: number, parting: number): MemoryTree => {
  const hashes = Array.from({ length: ENTRIES }, (_, number) =>
    createHash('sha256')
      .update(`${number < parting ? 0 : branch} ${number}`)
      .digest(),
  );
  const tree = new MemoryTree();
  tree.append(Buffer.concat(hashes));
  return tree;
};

/** A node that shows each peer the branch that it chose for it. */
export class LyingLog {
  readonly #network: Network;
  readonly #key: ReturnType<typeof signingKeyFromSeed>;
  readonly #net: string;
  readonly #trees: readonly MemoryTree[];
  readonly #peers: ReceiptPeers;
  readonly #shown = new Map<PeerKey, { readonly branch: number; readonly size: number }>();

  /** `givesEntries`: whether it serves the entries of what it shows. */
  constructor(network: Network, seed: Uint8Array, net: string, parting: number, givesEntries: boolean) {
    this.#network = network;
    this.#key = signingKeyFromSeed(seed);
    this.#net = net;
    this.#trees = [branchTree(0, parting), branchTree(1, parting)];
    this.#peers = new ReceiptPeers(network);
    network.handle(WITNESS_PROTOCOL, async (channel) => {
      for await (const frame of channel) {
        const question = decodeQuestion(frame);
        const tree = this.#trees[this.#shown.get(channel.peer)?.branch ?? 0];
        const answer =
          question.ask === 'entries' && givesEntries && tree !== undefined
            ? encodeHashes(await tree.entries(question.from, question.to))
            : encodeAnswer({ answer: 'refused', code: 'NO', text: 'no' });
        await channel.send(answer);
        break;
      }
      await channel.finish();
    });
  }

  get key(): PeerKey {
    return this.#network.self;
  }

  async checkpoint(branch: 0 | 1, size: number): Promise<Checkpoint> {
    const tree = this.#treeOf(branch);
    const origin = { network: this.#net, node: this.#key.author, incarnation: '0000000000000001' };
    return readCheckpoint(signCheckpoint(this.#key, origin, { size, root: await rootAt(tree, size) }));
  }

  /** Asks a witness, with a proof from what it was shown before: one that holds where that was of the same branch. */
  async show(witness: PeerKey, branch: 0 | 1, size: number): Promise<SubmitAnswer> {
    const old = this.#shown.get(witness)?.size ?? 0;
    this.#shown.set(witness, { branch, size: old });
    const proof = await consistencyProof(this.#treeOf(branch), old, size);
    const answer = await this.#peers.submit(witness, old, proof, await this.checkpoint(branch, size));
    if (answer.answer === 'cosigned') this.#shown.set(witness, { branch, size });
    return answer;
  }

  #treeOf(branch: 0 | 1): MemoryTree {
    return this.#trees[branch] as MemoryTree;
  }
}
