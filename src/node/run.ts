import { asFault, HoldfastError, textOf } from '../base/errors.ts';
import { createLogger, type Logger, logLine, type LogRecord } from '../base/log.ts';
import { stopSignal } from '../base/stop-signal.ts';
import { type GivenOptions, resolveConfig } from './config.ts';
import { type RunningNode, startNode, type StartRest } from './node.ts';

/** A stop that takes longer is cut short; users are promised five seconds. */
const STOP_MS_MAX = 4_500;

const printLine = (record: LogRecord): void => {
  if (record.level !== 'debug') process.stderr.write(logLine(record));
};

const forever = (): Promise<never> => new Promise(() => {});

/**
 * SIGHUP, as who renews certificates sends it, or a terminal that closes: it ends no node, nor one that still starts
 * (then the files are read again as soon as it runs).
 */
const reloadOnHangUp = (started: Promise<RunningNode>, hasTls: boolean, log: Logger): void => {
  process.on('SIGHUP', () => {
    if (!hasTls) {
      log.info('SIGHUP: there is nothing to read again (REST has no TLS); to stop the node send SIGTERM');
      return;
    }
    const reloaded = started.then((node) => node.reloadTls());
    reloaded.then(
      () => log.info('REST has read its certificate and key again'),
      (caught: unknown) => {
        const { message, hint } = asFault(caught);
        log.error(`REST keeps the certificate that it has: ${message}${hint === undefined ? '' : `; ${hint}`}`);
      },
    );
  });
};

const readyLine = ({ facts }: RunningNode): string =>
  `ready ${facts.name} listen=${facts.listen} rest=${facts.rest} network=${facts.network ?? 'none'} peer=${facts.peer}\n`;

/** `holdfast start`: a node in the foreground until it is told to stop; resolves with the exit status. */
export const runNode = async (options: GivenOptions, version: string, startRest: StartRest): Promise<number> => {
  const config = resolveConfig(options);
  const log = createLogger(printLine);
  // A bug in one part must not take acknowledged work with it silently: say it, end, let the supervisor start again.
  process.on('uncaughtException', (caught) => {
    log.error(`unexpected failure: ${caught.stack ?? textOf(caught)}`);
    process.exit(1);
  });
  const cutShort = (): NodeJS.Timeout =>
    setTimeout(() => {
      log.error('stopping took too long: ended without waiting for the rest');
      // `process.exit` would wait for a thread that the disk keeps; whatever was acknowledged is durable.
      process.kill(process.pid, 'SIGKILL');
      // A start that was broken off has nothing more to wait for.
    }, STOP_MS_MAX).unref();
  const stopping = stopSignal();
  const stop = new AbortController();
  // Also where it is still starting, and cannot be closed yet.
  void stopping.then(() => {
    stop.abort();
    cutShort();
  });
  const started = startNode(config, { version, log, startRest, stop: stop.signal });
  reloadOnHangUp(started, config.restTls !== undefined, log);
  const node = await started;
  process.stdout.write(readyLine(node));
  const failed = node.recovered?.then(
    (line) => {
      process.stdout.write(`${line}\n`);
      return forever();
    },
    (caught: unknown) => asFault(caught),
  );
  const end = await Promise.race([stopping, node.exitAsked, failed ?? forever()]);
  const cut = cutShort();
  try {
    await node.close();
  } catch (caught) {
    log.error(asFault(caught).message);
    process.exit(1);
  }
  clearTimeout(cut);
  if (end instanceof HoldfastError) throw end;
  return process.exit(0);
};
