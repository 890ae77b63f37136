import { styleText } from 'node:util';

/** What the demo prints: progress in place on a terminal, plain lines elsewhere. */
export class Screen {
  readonly #out: NodeJS.WriteStream;
  #failures = 0;
  #transient = false;

  constructor(out: NodeJS.WriteStream) {
    this.#out = out;
  }

  /** Steps that did not hold so far. */
  get failures(): number {
    return this.#failures;
  }

  step(number: number, of: number, title: string): void {
    this.line();
    this.line(this.#style('bold', `[${number}/${of}] ${title}`));
  }

  line(text = ''): void {
    this.#clear();
    this.#out.write(`${text}\n`);
  }

  /** What a user would type, before its output. */
  command(node: string, text: string): void {
    this.line(this.#style('cyan', `  AL ${node} +> ${text}`));
  }

  output(text: string): void {
    for (const line of text.replace(/\n+$/, '').split('\n')) this.line(`    ${line}`);
  }

  /** How far a long step is: one changing line on a terminal, nothing elsewhere. */
  progress(text: string): void {
    if (!this.#out.isTTY) return;
    this.#clear();
    this.#out.write(`  … ${text}`);
    this.#transient = true;
  }

  /** A claim of the demo: shown, and counted when it does not hold. */
  check(holds: boolean, text: string): void {
    if (!holds) this.#failures += 1;
    this.line(holds ? this.#style('green', `  ✔ ${text}`) : this.#style('red', `  ✘ ${text}`));
  }

  #clear(): void {
    if (!this.#transient) return;
    this.#out.write('\r\u001b[K');
    this.#transient = false;
  }

  #style(format: 'bold' | 'cyan' | 'green' | 'red', text: string): string {
    return styleText(format, text, { stream: this.#out });
  }
}
