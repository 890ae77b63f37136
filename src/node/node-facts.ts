/** What a running node says of itself to scripts, in `DIR/node.json`. */
export interface NodeJson {
  /** Public key, 64 hex digits. */
  readonly peer: string;
  /** Network id; null until the node has joined one. */
  readonly network: string | null;
  readonly name: string;
  /** `HOST:PORT` as bound. */
  readonly listen: string;
  readonly rest: string;
  readonly pid: number;
  /** Where REST has TLS: the file with its certificate, by which programs of this machine know it. */
  readonly tls?: string;
}

/** Those facts as they stand in the file: JSON with a line feed. */
export const nodeJsonText = (facts: NodeJson): string => `${JSON.stringify(facts, undefined, 2)}\n`;
