import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { asFault, fault, systemCode, textOf } from '../base/errors.ts';
import { makePath, writeFileDurably } from '../base/files.ts';
import { RECEIPT_CLOCK_MS_MAX } from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Clock } from '../base/clock.ts';
import type { Random } from '../base/random.ts';
import type { SigningKey } from '../entry/keys.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { PeerKey } from '../network/network.ts';
import type { PastCheckpoint } from './checkpoint-file.ts';
import {
  type Checkpoint,
  type Cosignature,
  readCheckpoint,
  readCosignatureLine,
  signCheckpoint,
} from './checkpoint.ts';
import { withCosignatures } from './checkpoint.ts';
import type { ReceiptEvidence } from './evidence.ts';
import { KnownHashes } from './known-hashes.ts';
import type { AnswerOf } from './messages.ts';
import { type Origin, originText } from './origin.ts';
import { ReceiptLog } from './receipt-log.ts';
import { consistencyProof, HASH_BYTES, hashesOf, inclusionProof, rootAt } from './tree.ts';

/** Entries whose hashes are gathered before they are written. */
const STEP_ENTRIES = 2_048;

/** What a witness says to a checkpoint: its cosignature, or from which size on it wants the proof. */
export type SubmitAnswer = AnswerOf<'cosigned'> | AnswerOf<'stale'>;

/** What the own log needs: the ledger that it follows, the key that signs, and how witnesses are asked. */
export interface KeeperPorts {
  readonly ledger: Pick<Ledger, 'network' | 'size' | 'hashAt'>;
  readonly key: SigningKey;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  /** Where the own receipts are. */
  readonly dir: string;
  /** Who witnesses this node's log. */
  readonly witnesses: () => Promise<readonly PeerKey[]>;
  /** Asks a witness. Throws where it does not answer or refuses. */
  readonly submit: (
    witness: PeerKey,
    old: number,
    proof: readonly Buffer[],
    checkpoint: Checkpoint,
  ) => Promise<SubmitAnswer>;
  /**
   * The checkpoint of this node that a witness cosigned last; undefined where there is none. Throws where it does not
   * answer.
   */
  readonly shown: (witness: PeerKey) => Promise<Checkpoint | undefined>;
}

/** How a witness stands to the own log. */
export interface WitnessState {
  readonly witness: PeerKey;
  /** Largest tree that it cosigned, and when by its clock; 0 and undefined before. */
  readonly size: number;
  readonly time: number | undefined;
  readonly lastError: string | undefined;
}

/**
 * The own log of receipts: what the ledger has accepted, in order of arrival. A checkpoint is on disk before anybody is
 * shown it, so that no crash makes this node sign two histories. One step at a time; its caller sees to that.
 */
export class ReceiptKeeper implements ReceiptEvidence {
  readonly #ports: KeeperPorts;
  #log: ReceiptLog | undefined;
  #origin: Origin | undefined;
  #known = new KnownHashes();
  /** Entries of the ledger before this cursor were looked at. */
  #cursor = 0;
  #signed: Checkpoint | undefined;
  readonly #witnesses = new Map<PeerKey, WitnessState>();
  #chosen: readonly PeerKey[] = [];
  /** Whether the witnesses were asked, since the log was opened, if they saw it further. */
  #resumed = false;

  constructor(ports: KeeperPorts) {
    this.#ports = ports;
  }

  get origin(): Origin | undefined {
    return this.#origin;
  }

  /** The chosen witnesses, as far as a checkpoint has asked for them. */
  witnessStates(): readonly WitnessState[] {
    return this.#chosen.map((witness) => this.#stateOf(witness));
  }

  newest(): Checkpoint | undefined {
    return this.#signed;
  }

  witnessed(): Checkpoint | undefined {
    return this.#log?.checkpoints.last?.checkpoint;
  }

  async witnessedFrom(size: number): Promise<Checkpoint | undefined> {
    return (await this.#open().checkpoints.fromSize(size))?.checkpoint;
  }

  indexOf(entry: string): number | undefined {
    return this.#known.indexOf(Buffer.from(entry, 'hex'));
  }

  async entries(from: number, to: number): Promise<readonly string[]> {
    return hashesOf(await this.#open().entries(from, to)).map((hash) => hash.toString('hex'));
  }

  inclusion(index: number, size: number): Promise<readonly Buffer[]> {
    return inclusionProof(this.#open(), index, size);
  }

  consistency(old: number, size: number): Promise<readonly Buffer[]> {
    return consistencyProof(this.#open(), old, size);
  }

  /** The last cosigned checkpoint that counts up to a time, in seconds since 1970. */
  async upToTime(time: number): Promise<PastCheckpoint | undefined> {
    return this.#log?.checkpoints.upToTime(time);
  }

  /** When the newest cosigned checkpoint counts from; undefined before the first. */
  get witnessedTo(): number | undefined {
    return this.#log?.checkpoints.last?.time;
  }

  /** Bytes of the hashes of entries `from` to `to`, as they travel. */
  entryBytes(from: number, to: number): Promise<Buffer> {
    return this.#open().entries(from, to);
  }

  /**
   * Takes up what the ledger has accepted since, signs a checkpoint where that is something, and asks the witnesses
   * that have not cosigned it. Resolves with whether all of them have. After a failure it begins again from what is on
   * disk.
   */
  async step(): Promise<boolean> {
    const { network } = this.#ports.ledger;
    if (network === undefined) return true;
    try {
      const log = this.#log ?? (await this.#openLog(network));
      if (!(await this.#mayGoOn(log))) return false;
      // Chosen first: what registered them is then among the entries of the checkpoint that they are asked for, so
      // their word counts for good.
      const [chosen] = await Promise.allSettled([this.#ports.witnesses()]);
      await this.#takeUp(log);
      if (log.size > (this.#signed?.size ?? 0)) await this.#sign(log);
      if (chosen.status === 'rejected') throw chosen.reason;
      return await this.#askWitnesses(log, chosen.value);
    } catch (caught) {
      await this.close();
      throw caught;
    }
  }

  async close(): Promise<void> {
    const log = this.#log;
    this.#log = undefined;
    await log?.close();
  }

  #open(): ReceiptLog {
    if (this.#log === undefined)
      throw fault('RECEIPT_NOT_OPEN', 'the receipts of this node are not open', { hint: 'see: get receipts' });
    return this.#log;
  }

  /**
   * Before the first signature after a start: a witness that is reached may have seen this log further than it is here.
   */
  async #mayGoOn(log: ReceiptLog): Promise<boolean> {
    if (this.#resumed || this.#signed === undefined) return true;
    for (const witness of await this.#ports.witnesses()) {
      const shown = await this.#ports.shown(witness).catch(() => undefined);
      if (shown === undefined || !(await this.#isBeyond(log, shown))) continue;
      await this.#beginAgain(log, witness);
      return false;
    }
    this.#resumed = true;
    return true;
  }

  #stateOf(witness: PeerKey): WitnessState {
    return this.#witnesses.get(witness) ?? { witness, size: 0, time: undefined, lastError: undefined };
  }

  /** The incarnation that was kept last, as far as it was signed; a new one where that is not all there. */
  async #openLog(network: string): Promise<ReceiptLog> {
    const { dir, key, log: logger } = this.#ports;
    const incarnation = await readText(join(dir, 'current'));
    if (incarnation === undefined) return this.#begin(network);
    const origin: Origin = { network, node: key.author, incarnation: incarnation.trim() };
    const log = await ReceiptLog.open(join(dir, origin.incarnation)).catch((caught: unknown) => {
      if (systemCode(caught) !== undefined) throw caught;
      logger.error('the receipts of this node cannot be read', { text: textOf(caught) });
    });
    const signed = await this.#readSigned(origin).catch((caught: unknown) => {
      logger.error('the last checkpoint of this node cannot be read', { text: textOf(caught) });
      return 'damaged' as const;
    });
    if (log === undefined || signed === 'damaged' || !(await log.keepChecked(signed ?? emptyHead))) {
      await log?.close();
      logger.warn('the receipts on disk are not those that were signed last: another log of receipts is begun');
      return this.#begin(network);
    }
    const { last } = log.checkpoints;
    await this.#use(log, origin, last?.checkpoint.size === signed?.size ? last?.checkpoint : signed);
    return log;
  }

  async #readSigned(origin: Origin): Promise<Checkpoint | undefined> {
    const note = await readText(join(this.#ports.dir, origin.incarnation, 'signed'));
    if (note === undefined) return undefined;
    const signed = readCheckpoint(note);
    if (originText(signed.origin) !== originText(origin))
      throw fault('RECEIPT_FILES_DAMAGED', 'the checkpoint is one of another log');
    return signed;
  }

  async #begin(network: string): Promise<ReceiptLog> {
    const { dir, key, random } = this.#ports;
    const incarnation = Buffer.from(random.bytes(8)).toString('hex');
    await makePath(join(dir, incarnation));
    await writeFileDurably(join(dir, 'current'), `${incarnation}\n`);
    const log = await ReceiptLog.open(join(dir, incarnation));
    await this.#use(log, { network, node: key.author, incarnation }, undefined);
    return log;
  }

  async #use(log: ReceiptLog, origin: Origin, signed: Checkpoint | undefined): Promise<void> {
    const known = new KnownHashes();
    for (let at = 0; at < log.size; at += STEP_ENTRIES)
      for (const hash of hashesOf(await log.entries(at, Math.min(log.size, at + STEP_ENTRIES)))) known.add(hash);
    this.#known = known;
    this.#cursor = 0;
    this.#signed = signed;
    this.#origin = origin;
    this.#witnesses.clear();
    this.#resumed = false;
    this.#log = log;
  }

  async #takeUp(log: ReceiptLog): Promise<void> {
    const { ledger } = this.#ports;
    const end = ledger.size;
    while (this.#cursor < end) {
      const next: Buffer[] = [];
      for (const last = Math.min(end, this.#cursor + STEP_ENTRIES); this.#cursor < last; this.#cursor += 1) {
        const hash = ledger.hashAt(this.#cursor);
        const bytes = hash === undefined ? undefined : Buffer.from(hash, 'hex');
        if (bytes !== undefined && this.#known.add(bytes)) next.push(bytes);
      }
      await log.append(Buffer.concat(next, next.length * HASH_BYTES));
      if (next.length === 0) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async #sign(log: ReceiptLog): Promise<void> {
    if (this.#origin === undefined) return;
    const head = { size: log.size, root: await rootAt(log, log.size) };
    const note = signCheckpoint(this.#ports.key, this.#origin, head);
    await log.sync();
    await writeFileDurably(join(log.dir, 'signed'), note);
    this.#signed = readCheckpoint(note);
  }

  async #askWitnesses(log: ReceiptLog, chosen: readonly PeerKey[]): Promise<boolean> {
    this.#chosen = chosen;
    const checkpoint = this.#signed;
    if (checkpoint === undefined) return true;
    const asked = this.#chosen.filter((key) => !checkpoint.cosignatures.some(({ witness }) => witness === key));
    const given = (await Promise.all(asked.map((witness) => this.#ask(log, witness, checkpoint)))).flatMap(
      (each) => each ?? [],
    );
    if (this.#log !== log) return false;
    if (given.length > 0) {
      const cosigned = withCosignatures(checkpoint, given);
      await log.checkpoints.append(cosigned);
      this.#signed = cosigned;
    }
    return given.length === asked.length;
  }

  /** Its cosignature; undefined where there is none, with the reason in its state. */
  async #ask(log: ReceiptLog, witness: PeerKey, checkpoint: Checkpoint): Promise<Cosignature | undefined> {
    try {
      let answer = await this.#submit(log, witness, checkpoint);
      if (answer.answer === 'stale') {
        const shown = answer.checkpoint === null ? undefined : readCheckpoint(answer.checkpoint);
        if (shown !== undefined && (await this.#isBeyond(log, shown))) {
          await this.#beginAgain(log, witness);
          return undefined;
        }
        this.#note(witness, { size: answer.size });
        answer = await this.#submit(log, witness, checkpoint);
      }
      if (answer.answer === 'stale')
        throw fault('RECEIPT_REFUSED', 'the witness cosigned another checkpoint meanwhile');
      const cosignature = readCosignatureLine(checkpoint, answer.line);
      if (cosignature.witness !== witness) throw fault('RECEIPT_REFUSED', 'the cosignature is one of another node');
      const offMs = cosignature.time * 1_000 - this.#ports.clock.wallMs();
      if (Math.abs(offMs) > RECEIPT_CLOCK_MS_MAX)
        throw fault('RECEIPT_CLOCK', `the clock of the witness is off by ${Math.round(offMs / 1_000)} s from this one`);
      this.#note(witness, { size: checkpoint.size, time: cosignature.time, lastError: undefined });
      return cosignature;
    } catch (caught) {
      this.#note(witness, { lastError: asFault(caught).message });
      return undefined;
    }
  }

  async #submit(log: ReceiptLog, witness: PeerKey, checkpoint: Checkpoint): Promise<SubmitAnswer> {
    const old = Math.min(this.#stateOf(witness).size, checkpoint.size);
    return this.#ports.submit(witness, old, await consistencyProof(log, old, checkpoint.size), checkpoint);
  }

  #note(witness: PeerKey, news: Partial<WitnessState>): void {
    this.#witnesses.set(witness, { ...this.#stateOf(witness), ...news });
  }

  /** Whether a checkpoint, signed with the own key, is one that this log does not lead to. */
  async #isBeyond(log: ReceiptLog, shown: Checkpoint): Promise<boolean> {
    if (this.#origin === undefined || originText(shown.origin) !== originText(this.#origin)) return false;
    return shown.size > log.size || !(await rootAt(log, shown.size)).equals(shown.root);
  }

  /**
   * This directory is an older copy: its log was signed further elsewhere. It must not be signed on, so another is
   * begun, for all to see.
   */
  async #beginAgain(log: ReceiptLog, witness: PeerKey): Promise<void> {
    if (this.#log !== log || this.#origin === undefined) return;
    this.#ports.log.warn('this log of receipts was signed further before: another is begun', { witness });
    this.#log = undefined;
    await log.close();
    await this.#begin(this.#origin.network);
  }
}

const emptyHead = {
  size: 0,
  root: Buffer.from('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855', 'hex'),
};

const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8');
  } catch (caught) {
    if (systemCode(caught) === 'ENOENT') return undefined;
    throw caught;
  }
};
