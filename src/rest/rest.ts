import { STATUS_CODES } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '../base/clock.ts';
import { fault, systemCode, textOf } from '../base/errors.ts';
import type { Resource } from '../base/lifecycle.ts';
import {
  REST_CONNECTIONS_MAX,
  REST_HEADER_BYTES_MAX,
  REST_HEADERS_TIMEOUT_MS,
  REST_KEEP_ALIVE_MS,
  REST_LINGER_MS,
  REST_REQUEST_TIMEOUT_MS,
  REST_STALL_MS,
} from '../base/limits.ts';
import type { Logger } from '../base/log.ts';
import type { Access } from '../command/access/access.ts';
import type { CommandExecutor } from '../command/executor.ts';
import { errorReply, methodFault, transportFault, type TransportError } from './faults.ts';
import { checkProvenance } from './guard.ts';
import { createResponder, type RestReply } from './responder.ts';

export interface RestOptions {
  /** Name or address to bind to. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** The node's name, for replies. */
  readonly node: string;
  readonly executor: CommandExecutor;
  readonly access: Pick<Access, 'admit'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface RestServer extends Resource {
  /** `HOST:PORT` as bound. */
  readonly address: string;
}

const LOOPBACK = /^(127\.|::1$|localhost$)/;
const CLOSE_MS = 1_000;

const send = async (reply: FastifyReply, { status, type, body, headers = {} }: RestReply): Promise<FastifyReply> =>
  reply.code(status).headers(headers).type(type).send(body);

/** A reply to what Node could not read as a request. */
const rawReply = (status: number, body: string): string =>
  `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n` +
  `Content-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;

/** Reads on for a while after the reply, so that a client which still sends comes to see it; then hangs up. */
const linger = (request: FastifyRequest, clock: Clock): void => {
  const { raw } = request;
  if (raw.complete) return;
  raw.resume();
  const hangUp = clock.after(REST_LINGER_MS, () => raw.socket.destroy());
  raw.once('end', hangUp);
};

const addHooks = (app: FastifyInstance, options: RestOptions): void => {
  const { clock, log, node, host } = options;
  app.addHook('onRequest', async (request) => {
    const { headers } = request;
    if (headers.host === undefined && request.raw.httpVersion === '1.1')
      throw fault('REST_MALFORMED', 'the request has no Host header');
    const site = headers['sec-fetch-site'];
    checkProvenance(
      { host: headers.host, origin: headers.origin, site: typeof site === 'string' ? site : undefined },
      { boundHost: host },
    );
  });
  app.addHook('onSend', async (request) => {
    // A client that does not take the reply must not hold it for ever.
    request.raw.socket.setTimeout(REST_STALL_MS);
  });
  app.addHook('onResponse', async (request) => linger(request, clock));
  app.setErrorHandler(async (caught: Error, request, reply) => {
    const { status, error, body } = errorReply(transportFault(caught), request.method, node);
    if (status >= 500) log.warn('a request failed', { status, code: error.code, error: error.message });
    return send(reply, { status, type: 'application/json; charset=utf-8', body });
  });
};

const createApp = async (options: RestOptions, stopping: AbortSignal): Promise<FastifyInstance> => {
  // Imported here, so that what only needs the types starts without it.
  const { fastify } = await import('fastify');
  const refuse = (error: TransportError, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const { status, body } = errorReply(transportFault(error), '', options.node);
    socket.end(rawReply(status, body));
    options.clock.after(REST_LINGER_MS, () => socket.destroy());
  };
  const app = fastify({
    http: {
      maxHeaderSize: REST_HEADER_BYTES_MAX,
      headersTimeout: REST_HEADERS_TIMEOUT_MS,
      requestTimeout: REST_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      requireHostHeader: false, // the guard asks for it, and answers in our form
    },
    keepAliveTimeout: REST_KEEP_ALIVE_MS,
    exposeHeadRoutes: false,
    // One contract at every path: the URL itself is read by headers.ts.
    rewriteUrl: () => '/',
    return503OnClosing: false,
    clientErrorHandler: refuse,
  });
  app.server.maxConnections = REST_CONNECTIONS_MAX;
  app.server.on('connect', (_, socket: Socket) => refuse(methodFault('CONNECT'), socket));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  addHooks(app, options);
  const respond = createResponder(options, stopping);
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> =>
    send(reply, await respond(request.raw, reply.raw, request.originalUrl));
  app.route({ method: ['GET', 'HEAD', 'POST', 'PUT', 'OPTIONS', 'DELETE', 'PATCH'], url: '/', handler });
  app.setNotFoundHandler(handler);
  return app;
};

const bindFault = (caught: unknown, host: string, port: number): Error => {
  const where = `${host}:${port}`;
  switch (systemCode(caught)) {
    case 'EADDRINUSE':
      return fault('REST_PORT_TAKEN', `REST cannot listen on ${where}: the port is in use`, {
        data: { host, port },
        hint: 'name another with --rest HOST:PORT (port 0 takes a free one), or stop what uses it',
        cause: caught,
      });
    default:
      return fault('REST_ADDRESS', `REST cannot listen on ${where}: ${textOf(caught)}`, {
        data: { host, port },
        hint: 'name an address of this machine and a port that this user may use: --rest HOST:PORT',
        cause: caught,
      });
  }
};

/**
 * Starts REST on an address; `access` says who may command the node.
 * `REST_PORT_TAKEN`, `REST_ADDRESS`.
 */
export const startRest = async (options: RestOptions): Promise<RestServer> => {
  const { host, port, log, clock } = options;
  const stopping = new AbortController();
  const app = await createApp(options, stopping.signal);
  try {
    await app.listen({ host: host.replace(/^\[(.*)\]$/, '$1'), port });
  } catch (caught) {
    await app.close();
    throw bindFault(caught, host, port);
  }
  const bound = app.server.address() as AddressInfo;
  if (!LOOPBACK.test(bound.address))
    log.warn('REST listens beyond this machine without TLS: tokens and passwords can be read on their way', {
      address: bound.address,
    });
  return {
    address: `${host}:${bound.port}`,
    async close() {
      stopping.abort(fault('REST_STOPPING', 'the node is stopping'));
      const force = clock.after(CLOSE_MS, () => app.server.closeAllConnections());
      await app.close();
      force();
    },
  };
};
