import type { OneByOne } from '../base/one-by-one.ts';
import { decodeLine, encodeLine, erasedLine, type JournalLine } from './journal-line.ts';
import type { Replacement } from './journal-rewrite.ts';
import type { Journal } from './journal.ts';
import type { Place } from './place.ts';
import type { Positions } from './positions.ts';
import type { PlacedBody } from './store.ts';

/** Lines that are read in one go. */
const READ_SLICE = 256;

/** The journal whose lines change, and what keeps appends and the index in step with that; given by the store. */
export interface BodyChangesPorts {
  readonly journal: Journal;
  /** What writes at the end of the journal. */
  readonly appends: OneByOne;
  /** Where each line lies. */
  positions(): Positions;
  /** Before a file takes the place of another: where its lines lie is known to nobody for a moment. */
  beforeSwap(): Promise<void>;
  /** Lines lie elsewhere than before. */
  moved(): Promise<void>;
}

/**
 * Changes what lines of the journal say of a body: overwritten where it lies, or the file written anew. One at a time.
 */
export class BodyChanges {
  readonly #ports: BodyChangesPorts;

  constructor(ports: BodyChangesPorts) {
    this.#ports = ports;
  }

  async erase(places: readonly Place[]): Promise<void> {
    const positions = places.flatMap(({ cursor }) => this.#ports.positions().at(cursor) ?? []);
    const lines = await this.#ports.journal.read(positions);
    const changes = positions.flatMap((position, at) => {
      const line = lines[at];
      const decoded = line === undefined ? undefined : decodeLine(line);
      if (line === undefined || decoded === undefined || decoded.raw.body.byteLength === 0) return [];
      return [{ position, line: erasedLine(line) }];
    });
    await this.#ports.journal.overwrite(changes);
  }

  archive(places: readonly Place[], signal?: AbortSignal): Promise<number> {
    const archived = ({ raw, receivedMs }: JournalLine): Buffer | undefined =>
      raw.body.byteLength === 0 ? undefined : encodeLine(raw, receivedMs, true);
    return this.#rewrite(places, archived, signal);
  }

  async restore(bodies: readonly PlacedBody[], signal?: AbortSignal): Promise<void> {
    const byCursor = new Map(bodies.map(({ place, body }) => [place.cursor, body]));
    const restored = ({ raw, receivedMs, isArchived }: JournalLine, { cursor }: Place): Buffer | undefined => {
      const body = byCursor.get(cursor);
      return isArchived && body !== undefined ? encodeLine({ ...raw, body }, receivedMs) : undefined;
    };
    const places = bodies.map(({ place }) => place);
    await this.#rewrite(places, restored, signal);
  }

  /** Replaces lines, file by file, by longer or shorter ones; resolves with the bytes that this has freed. */
  async #rewrite(
    places: readonly Place[],
    lineFor: (line: JournalLine, place: Place) => Buffer | undefined,
    signal?: AbortSignal,
  ): Promise<number> {
    const { journal, appends } = this.#ports;
    const byFile = new Map<number, Place[]>();
    for (const place of places) {
      const file = this.#ports.positions().at(place.cursor)?.file;
      if (file === undefined) continue;
      const ofFile = byFile.get(file);
      if (ofFile === undefined) byFile.set(file, [place]);
      else ofFile.push(place);
    }
    if (byFile.has(journal.end.file)) await appends.take(() => journal.seal());
    let freed = 0;
    for (const [file, ofFile] of byFile) {
      signal?.throwIfAborted();
      freed += await this.#rewriteFile(file, ofFile, lineFor);
    }
    // Not after a failure: then it is not certain where lines lie after a power cut, and the index stays distrusted.
    if (freed !== 0) await this.#ports.moved();
    return freed;
  }

  async #rewriteFile(
    file: number,
    places: readonly Place[],
    lineFor: (line: JournalLine, place: Place) => Buffer | undefined,
  ): Promise<number> {
    const { journal } = this.#ports;
    const replacements: Replacement[] = [];
    const inOrder = [...places].sort((a, b) => a.cursor - b.cursor);
    for (let at = 0; at < inOrder.length; at += READ_SLICE) {
      const slice = inOrder.slice(at, at + READ_SLICE);
      const positions = slice.flatMap(({ cursor }) => this.#ports.positions().at(cursor) ?? []);
      const lines = await journal.read(positions);
      for (const [number, place] of slice.entries()) {
        const [position, bytes] = [positions[number], lines[number]];
        const decoded = bytes === undefined ? undefined : decodeLine(bytes);
        const line = decoded === undefined ? undefined : lineFor(decoded, place);
        if (position !== undefined && line !== undefined) replacements.push({ position, line });
      }
    }
    if (replacements.length === 0) return 0;
    let freed = 0;
    for (const { position, line } of replacements) freed += position.length - line.byteLength;
    await journal.rewrite(file, replacements, {
      beforeSwap: () => this.#ports.beforeSwap(),
      swapped: () => this.#move(file, replacements),
    });
    return freed;
  }

  /** The lines of a file lie where they lie after it was rewritten. */
  #move(file: number, replacements: readonly Replacement[]): void {
    const positions = this.#ports.positions();
    const lengths = new Map(replacements.map(({ position, line }) => [position.offset, line.byteLength]));
    let offset = 0;
    for (let cursor = 0; cursor < positions.length; cursor += 1) {
      const position = positions.at(cursor);
      if (position?.file !== file) continue;
      const length = lengths.get(position.offset) ?? position.length;
      positions.set(cursor, { file, offset, length });
      offset += length;
    }
  }
}
