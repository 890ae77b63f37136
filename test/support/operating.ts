import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { OperatorReply, OperatorRequest } from './operator-process.ts';

const PROGRAM = fileURLToPath(new URL('./operator-process.ts', import.meta.url));

type Ask = OperatorRequest extends infer R ? (R extends unknown ? Omit<R, 'id'> : never) : never;

/** An operator process; requests that it did not answer before it died reject. */
export class Operating {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  #ids = 0;

  private constructor(dir: string) {
    this.#child = fork(PROGRAM, [dir], { execArgv: [], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', ({ id, error, value }: OperatorReply) => {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else waiting?.reject(new Error(error));
    });
    this.#child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('killed'));
    });
  }

  static async start(dir: string): Promise<Operating> {
    const operating = new Operating(dir);
    await new Promise((resolve, reject) => operating.#waiting.set(0, { resolve, reject }));
    return operating;
  }

  ask(request: Ask): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#ids += 1;
      this.#waiting.set(this.#ids, { resolve, reject });
      this.#child.send({ ...request, id: this.#ids }, (error) => {
        if (error !== null) reject(error);
      });
    });
  }

  async kill(): Promise<void> {
    const exit = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exit;
  }
}
