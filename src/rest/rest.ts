import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Server as SecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type Duplex, pipeline } from 'node:stream';
import type { Clock } from '../base/clock.ts';
import { fault, systemCode, textOf } from '../base/errors.ts';
import { isLoopback, joinAddress } from '../base/host.ts';
import { http, https } from '../base/http.ts';
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
import { errorReply, methodFault, transportFault, type TransportError } from './faults.ts';
import { checkProvenance } from './guard.ts';
import { createResponder, JSON_TYPE, type ResponderOptions, type RestReply } from './responder.ts';
import { readTlsFiles, secureOptions, type TlsFiles } from './tls.ts';

/** Where REST listens, and what it answers with. */
export interface RestOptions extends ResponderOptions {
  /** Name or address to bind to. */
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** How long a client may take nothing of its reply; that of the limits where left out. */
  readonly stallMs?: number;
  /** Directory with the certificate and key for TLS; undefined for plain HTTP. */
  readonly tls?: string | undefined;
}

/** The server, and what its TLS goes by; another after the files were read again. */
interface Secured {
  files: TlsFiles | undefined;
}

/** REST as it runs. Closing it aborts what is running and ends all connections. */
export interface RestServer extends Resource {
  /** Reads the files of TLS again: connections made from then on go by them. `REST_TLS`, and the old ones stay. */
  reloadTls(): Promise<void>;
  /** `HOST:PORT` as bound. */
  readonly address: string;
}

type RestHttpServer = Server | SecureServer;

const CLOSE_MS = 1_000;

/** A reply to what Node could not read as a request. */
const rawReply = (status: number, body: string): string =>
  `HTTP/1.1 ${status} ${http.STATUS_CODES[status] ?? 'Error'}\r\n` +
  `Content-Type: ${JSON_TYPE}\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`;

/** Why a request is refused unread: it comes from another site's page. */
const refusalOf = (
  request: IncomingMessage,
  { host, node, log }: RestOptions,
  { files }: Secured,
): RestReply | undefined => {
  const { headers, httpVersion, method = '' } = request;
  const site = headers['sec-fetch-site'];
  try {
    if (headers.host === undefined && httpVersion === '1.1')
      throw fault('REST_MALFORMED', 'the request has no Host header');
    checkProvenance(
      { host: headers.host, origin: headers.origin, site: typeof site === 'string' ? site : undefined },
      { boundHost: host, isCertified: (name) => files?.certificate.checkHost(name) !== undefined },
    );
    return undefined;
  } catch (caught) {
    const { status, error, body } = errorReply(caught, method, node);
    if (status >= 500) log.warn('a request failed', { status, code: error.code, error: error.message });
    return { status, type: JSON_TYPE, body };
  }
};

const send = (response: ServerResponse, { status, type, body, headers = {} }: RestReply, log: Logger): void => {
  if (typeof body === 'string') {
    const about = status === 204 ? {} : { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) };
    response.writeHead(status, { ...about, ...headers }).end(body);
    return;
  }
  response.writeHead(status, { 'Content-Type': type, ...headers });
  // What fails now cuts the connection: a reply without its end is not taken for whole.
  pipeline(body, response, (caught) => {
    if (caught) log.warn('a reply was cut off', { error: textOf(caught) });
  });
};

/** Reads on for a while after the reply, so that a client which still sends comes to see it; then hangs up. */
const linger = (request: IncomingMessage, clock: Clock): void => {
  if (request.complete) return;
  request.resume();
  const hangUp = clock.after(REST_LINGER_MS, () => request.socket.destroy());
  request.once('end', hangUp);
};

const createHttpServer = (options: RestOptions, secured: Secured, stopping: AbortSignal): RestHttpServer => {
  const { clock, node, log } = options;
  const refuse = (error: TransportError, socket: Duplex): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy();
      return;
    }
    const { status, body } = errorReply(transportFault(error), '', node);
    socket.end(rawReply(status, body));
    clock.after(REST_LINGER_MS, () => socket.destroy());
  };
  const respond = createResponder(options, stopping);
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const reply = refusalOf(request, options, secured) ?? (await respond(request, response));
    response.once('finish', () => linger(request, clock));
    // A client that does not take the reply must not hold it for ever.
    request.socket.setTimeout(options.stallMs ?? REST_STALL_MS);
    if (stopping.aborted) response.setHeader('Connection', 'close');
    send(response, reply, log);
  };
  const settings = {
    maxHeaderSize: REST_HEADER_BYTES_MAX,
    headersTimeout: REST_HEADERS_TIMEOUT_MS,
    requestTimeout: REST_REQUEST_TIMEOUT_MS,
    keepAliveTimeout: REST_KEEP_ALIVE_MS,
    connectionsCheckingInterval: 1_000,
    requireHostHeader: false, // the guard asks for it, and answers in our form
  };
  const listener = (request: IncomingMessage, response: ServerResponse): void => void answer(request, response);
  const { files } = secured;
  const server: RestHttpServer =
    files === undefined
      ? http.createServer(settings, listener)
      : https().createServer(
          { ...settings, ...secureOptions(files), handshakeTimeout: REST_HEADERS_TIMEOUT_MS },
          listener,
        );
  server.maxConnections = REST_CONNECTIONS_MAX;
  server.on('clientError', refuse);
  server.on('connect', (_, socket) => refuse(methodFault('CONNECT'), socket));
  return server;
};

/**
 * Every connection there is: also those that are still in the handshake of TLS, which the server itself does not end.
 */
const connectionsOf = (server: RestHttpServer): ReadonlySet<Socket> => {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  return open;
};

/** Resolves once it listens. */
const listen = async (server: RestHttpServer, host: string, port: number): Promise<AddressInfo> => {
  server.listen({ host, port });
  await once(server, 'listening');
  return server.address() as AddressInfo;
};

const bindFault = (caught: unknown, host: string, port: number): Error => {
  const where = joinAddress({ host, port });
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

/** The files as they are now; whether clients are asked for certificates is settled at the start. */
const renewed = async (dir: string, before: TlsFiles | undefined, options: RestOptions): Promise<TlsFiles> => {
  const files = await readTlsFiles(dir, options);
  if ((files.ca === undefined) === (before?.ca === undefined)) return files;
  throw fault('REST_TLS', `ca.pem in ${dir} has come or gone since the start`, {
    hint: 'start the node again: only then certificates of clients are asked for, or no more',
  });
};

/**
 * Starts REST on an address; `access` says who may command the node.
 * `REST_PORT_TAKEN`, `REST_ADDRESS`, `REST_TLS`.
 */
export const startRest = async (options: RestOptions): Promise<RestServer> => {
  const { host, port, log, clock, tls } = options;
  const stopping = new AbortController();
  const secured: Secured = { files: tls === undefined ? undefined : await readTlsFiles(tls, options) };
  const server = createHttpServer(options, secured, stopping.signal);
  const open = connectionsOf(server);
  const bound = await listen(server, host, port).catch((caught: unknown) => {
    throw bindFault(caught, host, port);
  });
  if (tls === undefined && !isLoopback(bound.address))
    log.warn(
      'REST listens beyond this machine without TLS: tokens and passwords can be read on their way (--rest-tls)',
      {
        address: bound.address,
      },
    );
  return {
    address: joinAddress({ host, port: bound.port }),
    async reloadTls() {
      if (tls === undefined || !('setSecureContext' in server)) return;
      secured.files = await renewed(tls, secured.files, options);
      server.setSecureContext(secureOptions(secured.files));
    },
    async close() {
      stopping.abort(fault('REST_STOPPING', 'the node is stopping'));
      const force = clock.after(CLOSE_MS, () => {
        server.closeAllConnections();
        for (const socket of open) socket.destroy();
      });
      server.close();
      await once(server, 'close');
      force();
    },
  };
};
