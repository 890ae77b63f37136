import { spawn, type ChildProcess } from 'node:child_process';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const EXECUTABLE = fileURLToPath(new URL('../../src/holdfast.mjs', import.meta.url));
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 20;

/** What a started node says of itself in its line `ready`. */
export interface NodeFacts {
  readonly peer: string;
  readonly network: string | null;
  readonly name: string;
  readonly listen: string;
  readonly rest: string;
  readonly pid: number;
}

export interface NodeOptions {
  readonly dir: string;
  readonly name: string;
  /** Further arguments of `holdfast start`. */
  readonly args?: readonly string[];
  readonly listen?: string;
  readonly rest?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** A command that runs the node, put before it: `['setpriv', …]`. */
  readonly through?: readonly string[];
  /** Where the output goes; default `DIR/node.log`. */
  readonly log?: string;
  /** A request without an answer is given up after so long; default: never. */
  readonly requestMsMax?: number;
}

/** A command that the node refused. */
export class CommandRefused extends Error {
  readonly status: number;
  readonly body: string;

  constructor(command: string, status: number, body: string) {
    super(`${command}: ${status} ${body}`);
    this.status = status;
    this.body = body;
  }
}

/** One real node: a process started as a user would, spoken to by REST as a user would. */
export class NodeProcess {
  readonly options: NodeOptions;
  readonly facts: NodeFacts;
  /** The header that opens its REST. */
  readonly authorization: string;
  readonly #child: ChildProcess;

  private constructor(options: NodeOptions, facts: NodeFacts, child: ChildProcess) {
    this.options = options;
    this.facts = facts;
    this.authorization = `Bearer ${readFileSync(join(options.dir, 'rest.token'), 'utf8').trim()}`;
    this.#child = child;
  }

  /** Starts a node and waits until it is ready. */
  static async start(options: NodeOptions): Promise<NodeProcess> {
    await mkdir(options.dir, { recursive: true });
    const listen = options.listen ?? '127.0.0.1:0';
    const rest = options.rest ?? '127.0.0.1:0';
    const args = ['start', '--dir', options.dir, '--name', options.name, '--listen', listen, '--rest', rest];
    const line = [...(options.through ?? []), process.execPath, EXECUTABLE, ...args, ...(options.args ?? [])];
    const child = spawn(line[0] ?? '', line.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    const logPath = options.log ?? join(options.dir, 'node.log');
    const log = createWriteStream(logPath, { flags: 'a' });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      const facts = readReady(output, child.pid);
      if (facts !== undefined) return new NodeProcess(options, facts, child);
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > deadline) {
        child.kill('SIGKILL');
        const said = await readFile(logPath, 'utf8').catch(() => '');
        throw new Error(`node ${options.name} did not start:\n${said.slice(-2_000)}`);
      }
      await delay(POLL_MS);
    }
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the node again in its directory, on the addresses that it had. */
  restart(args?: readonly string[]): Promise<NodeProcess> {
    const { listen, rest } = this.facts;
    return NodeProcess.start({ ...this.options, listen, rest, ...(args === undefined ? {} : { args }) });
  }

  /** Ends the process with a signal and waits until it is gone; returns its exit status. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.running) {
      const gone = new Promise((resolve) => this.#child.once('exit', resolve));
      this.#child.kill(signal);
      await gone;
    }
    return this.#child.exitCode;
  }

  /** Sends a signal without waiting (SIGSTOP, SIGCONT). */
  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Runs a command by REST and returns what it prints. */
  async run(command: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
    const response = await fetch(`http://${this.facts.rest}/`, {
      method: 'POST',
      headers: {
        Authorization: this.authorization,
        'User-Agent': 'AnyLog/1.23',
        'Content-Type': 'text/plain',
        command: 'body',
        ...headers,
      },
      body: command,
      ...this.#givingUp(),
    });
    const text = await response.text();
    if (!response.ok) throw new CommandRefused(command, response.status, text);
    return text;
  }

  /** Runs a command with `format = json` in its text and parses what comes back. */
  async json(command: string): Promise<unknown> {
    return JSON.parse(await this.run(command)) as unknown;
  }

  /** PUTs rows into a table and returns the file's hash. */
  async put(
    dbms: string,
    table: string,
    content: string | Uint8Array<ArrayBuffer>,
    mode: 'file' | 'streaming' = 'file',
  ): Promise<string> {
    const response = await fetch(`http://${this.facts.rest}/`, {
      method: 'PUT',
      headers: { Authorization: this.authorization, type: 'json', dbms, table, mode, 'Content-Type': 'text/plain' },
      body: content,
      ...this.#givingUp(),
    });
    const text = await response.text();
    if (!response.ok) throw new CommandRefused(`PUT ${dbms}.${table}`, response.status, text);
    return (JSON.parse(text) as { 'AnyLog.hash': string })['AnyLog.hash'];
  }

  #givingUp(): { readonly signal?: AbortSignal } {
    const { requestMsMax } = this.options;
    return requestMsMax === undefined ? {} : { signal: AbortSignal.timeout(requestMsMax) };
  }
}

const readReady = (output: string, pid: number | undefined): NodeFacts | undefined => {
  const found = /^ready (.*) listen=(\S+) rest=(\S+) network=(\S+) peer=(\S+)$/m.exec(output);
  if (found === null || pid === undefined) return undefined;
  const [name = '', listen = '', rest = '', network = '', peer = ''] = found.slice(1);
  return { name, listen, rest, network: network === 'none' ? null : network, peer, pid };
};
