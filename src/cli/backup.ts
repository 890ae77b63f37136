import { resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { fault } from '../base/errors.ts';
import { quoted } from './quoted.ts';
import { callNode } from './rest-client.ts';
import type { Target } from './target.ts';
import { asTyped, printText, type Terminal } from './terminal.ts';

const LOOK_MS = 200;
/** Without a terminal one line of progress so often. */
const LINE_MS = 1_000;

const statusSchema = z.object({
  state: z.enum(['running', 'done', 'failed', 'none']),
  part: z.string().default(''),
  files: z.number().default(0),
  bytes: z.number().default(0),
  bytesTotal: z.number().default(0),
  ms: z.number().default(0),
  error: z.object({ code: z.string(), text: z.string(), hint: z.string() }).optional(),
});
type Status = z.infer<typeof statusSchema>;

const mebibytes = (bytes: number): string => (bytes / 1_048_576).toFixed(1);

const progressText = ({ part, files, bytes, bytesTotal, ms }: Status): string =>
  `backup: ${part}, ${files} files, ${mebibytes(bytes)} of ${mebibytes(bytesTotal)} MiB, ` +
  `${mebibytes(ms > 0 ? (bytes * 1_000) / ms : 0)} MiB/s`;

/** Writes progress over itself on a terminal, else a line now and then. */
class ProgressLine {
  readonly #stream: Terminal['stderr'];
  #nextMs = 0;
  #open = false;

  constructor(stream: Terminal['stderr']) {
    this.#stream = stream;
  }

  show(status: Status): void {
    if (this.#stream.isTTY) {
      this.#open = true;
      this.#stream.write(`\r\u001b[K${progressText(status)}`);
    } else if (status.ms >= this.#nextMs) {
      this.#nextMs = status.ms + LINE_MS;
      this.#stream.write(`${progressText(status)}\n`);
    }
  }

  end(): void {
    if (this.#open) this.#stream.write('\n');
  }
}

const statusOf = async (target: Target): Promise<Status> => {
  const reply: unknown = JSON.parse(await callNode({ ...target, command: 'get backup where format = json' }));
  return statusSchema.parse(reply);
};

/**
 * `holdfast backup DIR`: has the node make a backup and waits for its end. `CLI_…`; what the node says:
 * `CLI_COMMAND_FAILED`.
 */
export const runBackup = async (terminal: Terminal, target: Target, dir: string): Promise<number> => {
  const path = resolve(dir);
  await callNode({ ...target, command: `run backup where dir = ${quoted(path)}` });
  terminal.stderr.write(
    asTyped(terminal, 'backup: the node makes it, whoever watches; what ends it: holdfast exec "exit backup"\n'),
  );
  const line = new ProgressLine(terminal.stderr);
  for (;;) {
    const status = await statusOf(target);
    line.show(status);
    if (status.state !== 'running') {
      line.end();
      return finished(terminal, path, status);
    }
    await delay(LOOK_MS);
  }
};

const finished = (terminal: Terminal, path: string, { state, files, bytes, ms, error }: Status): number => {
  if (state === 'done') {
    printText(terminal.stdout, `backup ${path} files=${files} bytes=${bytes} seconds=${(ms / 1_000).toFixed(1)}`);
    return 0;
  }
  const hint = error?.hint ?? '';
  throw fault('CLI_COMMAND_FAILED', error?.text ?? 'the node ended during the backup: it is not complete', {
    ...(hint === '' ? {} : { hint }),
  });
};
