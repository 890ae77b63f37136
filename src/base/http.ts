/**
 * `node:http`. An `import` of it would read every name that it exports, one of which (`WebSocket`) loads all of undici:
 * 45 ms of each start and of each `holdfast exec`.
 */
export const http = process.getBuiltinModule('node:http');

/** `node:https`, loaded where it is asked for. */
export const https = () => process.getBuiltinModule('node:https');
