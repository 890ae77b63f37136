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

/** Drops everything. */
export const silentLogger: Logger = createLogger(() => {});
