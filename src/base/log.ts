/** How much a notice matters, from what helps to find a fault up to what a person has to look at. */
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** One line a notice: what happened, to what, and what to do where a person must act. */
export interface Logger {
  debug(text: string, data?: Readonly<Record<string, unknown>>): void;
  info(text: string, data?: Readonly<Record<string, unknown>>): void;
  warn(text: string, data?: Readonly<Record<string, unknown>>): void;
  error(text: string, data?: Readonly<Record<string, unknown>>): void;
  /** The same sink, each line marked with the part of the program it comes from. */
  child(area: string): Logger;
}

/** A notice as it goes to the sink; `area` is '' for the node itself, and dotted for a part of a part. */
export interface LogRecord {
  readonly level: LogLevel;
  readonly area: string;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>> | undefined;
}

/** A logger over any sink: stderr in a node, an array in a test. */
export const createLogger = (sink: (record: LogRecord) => void, area = ''): Logger => {
  const at =
    (level: LogLevel) =>
    (text: string, data?: Readonly<Record<string, unknown>>): void =>
      sink({ level, area, text, data });
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (name) => createLogger(sink, area === '' ? name : `${area}.${name}`),
  };
};

/** Control characters, line ends of all kinds, and marks that turn the direction of what follows. */
const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
]);

const escaped = (sign: string): string =>
  ESCAPES.get(sign) ?? `\\u${(sign.codePointAt(0) ?? 0).toString(16).padStart(4, '0')}`;

/**
 * The text in one line, as it is: names of files, policies and peers may hold anything, and must not pass for lines of
 * ours.
 */
export const oneLine = (text: string): string => text.replace(UNPRINTABLE, escaped);

/** The text in its lines, for a terminal: what others wrote must not move its cursor, colour it or name its window. */
export const printable = (text: string): string =>
  text.replace(UNPRINTABLE, (sign) => (sign === '\n' || sign === '\t' ? sign : escaped(sign)));

/** A notice as it is printed. */
export const logLine = ({ level, area, text, data }: LogRecord): string => {
  const more = data === undefined || Object.keys(data).length === 0 ? '' : ` ${JSON.stringify(data)}`;
  return `${oneLine(`${level}${area === '' ? '' : ` ${area}`}: ${text}${more}`)}\n`;
};

/** Drops everything. */
export const silentLogger: Logger = createLogger(() => {});
