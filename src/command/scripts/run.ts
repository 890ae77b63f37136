import { asFault, type HoldfastError } from '../../base/errors.ts';
import { SCRIPT_OUTPUT_CHARS_MAX } from '../../base/limits.ts';
import type { CommandOutput } from '../executor.ts';
import { Flow } from '../grammar/flow.ts';
import type { Note } from '../note.ts';
import type { Surroundings } from '../registry.ts';
import type { Script } from './load.ts';
import { atLine } from './place.ts';

/** Other work has its turn after so many lines, and after a line that took longer. */
const LINES_AT_ONCE = 100;
const LINE_MS_AT_ONCE = 5;

/** What the lines of a script have printed, and what was to be known about the first answer that had a note. */
interface Printed {
  readonly texts: readonly string[];
  readonly note: Note | undefined;
}

/** What the lines of a script print, up to a bound: a loop prints without end. */
class Outputs {
  readonly texts: string[] = [];
  note: Note | undefined;
  #chars = 0;

  add({ text, note }: CommandOutput): void {
    this.note ??= note;
    if (text === '' || this.#chars > SCRIPT_OUTPUT_CHARS_MAX) return;
    this.#chars += text.length + 1;
    this.texts.push(this.#chars > SCRIPT_OUTPUT_CHARS_MAX ? '… more is not shown' : text);
  }
}

/**
 * Runs a script to its end; gives what its lines printed. `onLine` hears of each line that begins. Throws what ended
 * it, with script and line.
 */
export const runScript = async (
  surroundings: Surroundings,
  { name, path, program }: Script,
  signal: AbortSignal | undefined,
  onLine: (line: number) => void = () => {},
): Promise<Printed> => {
  const flow = new Flow(program);
  const lines = surroundings.newScript({ index: flow.index, rested: flow.rested, signal });
  const outputs = new Outputs();
  const { clock, log } = surroundings.context;
  let [done, taken, sinceMs] = [0, 0, clock.monotonicMs()];
  const placed = (caught: unknown): HoldfastError =>
    atLine(asFault(caught), name, { script: path, line: flow.line, done, printed: outputs.texts });
  const onTheWay = <T>(ask: () => T): T => {
    try {
      return ask();
    } catch (caught) {
      throw placed(caught);
    }
  };
  const otherWork = async (): Promise<void> => {
    if ((taken += 1) % LINES_AT_ONCE !== 0 && clock.monotonicMs() - sinceMs < LINE_MS_AT_ONCE) return;
    await new Promise((resolve) => setImmediate(resolve));
    sinceMs = clock.monotonicMs();
  };
  const next = (): ReturnType<Flow['next']> => onTheWay(() => flow.next(surroundings.dictionary));
  for (let line = next(); line !== undefined; line = next()) {
    signal?.throwIfAborted();
    onTheWay(() => lines.checkCaller());
    await otherWork();
    if (line.command === undefined) continue;
    onLine(flow.line);
    try {
      outputs.add(await lines.execute(line.command));
      done += 1;
    } catch (caught) {
      signal?.throwIfAborted();
      const failure = placed(caught);
      const ending = onTheWay(() => flow.failed(failure));
      if (ending !== undefined) throw ending;
      log.warn(`the script goes on after a failure, as it says itself: ${failure.message}`);
    }
  }
  return outputs;
};
