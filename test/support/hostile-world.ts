import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { insertPolicy } from '../../scripts/demo/network.ts';
import { NodeProcess } from '../../scripts/demo/node-process.ts';
import { shortKey } from '../../src/command/commands/common.ts';
import type { Entry } from '../../src/entry/entry.ts';
import { type EntryDraft, makeEntry } from '../../src/entry/make.ts';
import type { SigningKey } from '../../src/entry/keys.ts';
import { ledgerTopic } from '../../src/ledger/sync/messages.ts';
import { HostilePeer } from './hostile-peer.ts';
import { waitFor } from './wait.ts';

/** A violation is answered with a cut within so long. */
const CUT_OFF_MS = 5_000;
/** What one honest round may take: hostile peers, tests and both nodes share the machine. */
const ROUND_MS_MAX = 10_000;

/** What the node makes of a peer. */
export type PeerVerdict =
  /** No honest node does that: it is cut off within 5 s, and `get status` says why. */
  | { readonly is: 'cut off'; readonly why: RegExp }
  /** It costs the peer itself only: it stays connected, and gets nothing for it. */
  | { readonly is: 'borne' };

/** One kind of hostile peer. */
export interface Kind {
  readonly name: string;
  readonly verdict: PeerVerdict;
  /** Entries that the victim takes in all the same: proofs against their author. */
  readonly held?: number;
  /** Protocols that it answers itself. */
  readonly serve?: Parameters<typeof HostilePeer.connect>[1];
  attack(peer: HostilePeer, world: HostileWorld): Promise<unknown>;
}

export const cutOff = (why: RegExp): PeerVerdict => ({ is: 'cut off', why });
export const BORNE: PeerVerdict = { is: 'borne' };

/** A well-made entry of a key in an open network. */
export const siteEntry = (net: string, key: SigningKey, change: Partial<EntryDraft> = {}): Entry =>
  makeEntry(key, {
    ...{ net, seq: 1, prev: null, parents: [net], time: Date.now() * 1_000 },
    ...{ cap: net, op: 'insert', type: 'site', id: 'hostile', replaces: null },
    ...{ content: { site: { name: 'hostile' } }, salt: new Uint8Array(16) },
    ...change,
  });

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

interface Fault {
  readonly code: string;
  readonly cause: string;
}

/** Two real nodes: the victim that hostile peers connect to, and an honest one that knows the victim alone. */
export class HostileWorld {
  readonly victim: NodeProcess;
  readonly bystander: NodeProcess;
  readonly net: string;
  readonly topic: string;
  readonly #dir: string;
  #honest = 0;
  #extra = 0;
  /** Milliseconds of honest rounds, without and with a hostile peer; none of a kind that was not endured. */
  readonly #rounds: { readonly quiet: number; readonly besieged: number }[] = [];

  private constructor(dir: string, victim: NodeProcess, bystander: NodeProcess) {
    this.#dir = dir;
    this.victim = victim;
    this.bystander = bystander;
    this.net = victim.facts.network ?? '';
    this.topic = ledgerTopic(this.net);
  }

  static async start(): Promise<HostileWorld> {
    const dir = await mkdtemp(join(tmpdir(), 'holdfast-hostile-'));
    const victim = await NodeProcess.start({
      ...{ dir: join(dir, 'victim'), name: 'victim' },
      args: ['--network', 'besieged', '--admission', 'open'],
    });
    const bystander = await NodeProcess.start({
      ...{ dir: join(dir, 'bystander'), name: 'bystander' },
      args: ['--seed', victim.facts.listen],
    });
    const world = new HostileWorld(dir, victim, bystander);
    await waitFor(async () => (await world.entries(bystander)) === (await world.entries(victim)), {
      timeoutMs: 20_000,
    });
    world.#honest = await world.entries(victim);
    await world.round();
    return world;
  }

  /** Honest traffic: a policy inserted at the bystander, until the victim has it. Milliseconds. */
  async round(): Promise<number> {
    const startMs = performance.now();
    this.#honest += 1;
    const { id } = await insertPolicy(this.bystander, 'site', { name: `site ${this.#honest}` });
    await waitFor(async () => (await this.victim.run(`blockchain test id ${id}`)).includes('true'), { everyMs: 5 });
    return performance.now() - startMs;
  }

  /** A well-made entry of a key, the first of its log unless `change` says otherwise. */
  entry(key: SigningKey, change: Partial<EntryDraft> = {}): Entry {
    return siteEntry(this.net, key, change);
  }

  async entries(node: NodeProcess): Promise<number> {
    return Number(/(\d+) entries/.exec(await node.run('get processes'))?.[1]);
  }

  /** Why a node keeps a key out; undefined where it does not. */
  async expulsion(node: NodeProcess, { author }: SigningKey): Promise<string | undefined> {
    const { faults } = (await node.json('get status where format = json')) as { faults: readonly Fault[] };
    return faults.find(({ code, cause }) => code === 'PEER_EXPELLED' && cause.startsWith(shortKey(author)))?.cause;
  }

  /** Lets a hostile peer of that kind loose, with honest traffic beside it, and compares what becomes of it. */
  async endure(kind: Kind): Promise<void> {
    // Side by side, so that whatever else the machine does slows down both.
    const quiet = await this.round();
    const peer = await HostilePeer.connect(this.victim.facts.listen, kind.serve);
    try {
      const startMs = performance.now();
      const attacking = kind.attack(peer, this).catch((caught: unknown) => {
        if (peer.connected) throw caught;
      });
      const roundMs = await this.round();
      if (kind.verdict.is === 'cut off') {
        await waitFor(() => !peer.connected, { timeoutMs: CUT_OFF_MS });
        expect((peer.closedAtMs ?? 0) - startMs).toBeLessThan(CUT_OFF_MS);
        expect(await this.expulsion(this.victim, peer.key)).toMatch(kind.verdict.why);
        await attacking;
      } else {
        await attacking;
        await this.round();
        expect(peer.connected).toBe(true);
        expect(await this.expulsion(this.victim, peer.key)).toBeUndefined();
      }
      expect(roundMs).toBeLessThan(ROUND_MS_MAX);
      this.#rounds.push({ quiet, besieged: roundMs });
      this.#extra += kind.held ?? 0;
      for (const node of [this.victim, this.bystander])
        await waitFor(async () => (await this.entries(node)) === this.#honest + this.#extra, {
          what: `${this.#honest} honest entries and ${this.#extra} proofs at ${node.facts.name}`,
        });
      expect(await this.expulsion(this.bystander, peer.key)).toBeUndefined();
      expect(await this.bystander.run('get synchronizer')).not.toContain('PEER_EXPELLED');
    } finally {
      await peer.close();
    }
  }

  /**
   * Says how many times slower honest traffic was beside hostile peers: no claim for a test, the machine has a say in
   * it.
   */
  async close(): Promise<void> {
    if (this.#rounds.length > 0) {
      const quiet = median(this.#rounds.map((each) => each.quiet));
      const besieged = median(this.#rounds.map((each) => each.besieged));
      console.log(
        `an honest round: ${quiet.toFixed(0)} ms, beside hostile peers ${(besieged / quiet).toFixed(1)} times as long`,
      );
    }
    await Promise.all([this.victim, this.bystander].map((node) => node.stop('SIGKILL')));
    await rm(this.#dir, { recursive: true, force: true });
  }
}
