// What kill-at.c does, for the calls of Node alone: loaded by `node --import`, where there is no C compiler. Each thread counts for itself.
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { FAULTS_CALLS: calls, FAULTS_PLAN: planned } = process.env;
const { appendFileSync, readFileSync, readlinkSync } = fs;
/** Descriptors whose writes are durable when they return. */
const durable = new Set();
let current = '';
let met = 0;

const endProcess = () => {
  process.kill(process.pid, 'SIGKILL');
  for (;;);
};

const readPlan = () => {
  try {
    return readFileSync(planned, 'utf8');
  } catch {
    return '';
  }
};

const pathOf = (fd) => {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return '';
  }
};

/** When the process ends: `after` or `torn`; undefined where it goes on. */
const reach = (call, path) => {
  appendFileSync(calls, `${call} ${path}\n`);
  const line = readPlan();
  if (line !== current) [current, met] = [line, 0];
  const [wanted, part, nth, when] = line.trim().split(' ');
  if (wanted !== call || !path.includes(part)) return undefined;
  met += 1;
  if (met !== Number(nth)) return undefined;
  appendFileSync(calls, `killed ${path}\n`);
  return when === 'before' ? endProcess() : when;
};

/** In place of a function of any form: by promise, by callback, at once. `about` has the path of the arguments. */
const meet = (owner, name, call, about) => {
  const real = owner[name];
  owner[name] = function met(...args) {
    const when = reach(call, String(about.apply(this, args)));
    if (when === undefined) return real.apply(this, args);
    if (typeof args.at(-1) === 'function') return real.call(this, ...args.slice(0, -1), endProcess);
    const result = real.apply(this, args);
    return typeof result?.then === 'function' ? result.then(endProcess, endProcess) : endProcess();
  };
};

const first = (path) => path;
const second = (_, path) => path;
for (const [owner, suffix] of [
  [fs, ''],
  [fs, 'Sync'],
  [fs.promises, ''],
]) {
  meet(owner, `rename${suffix}`, 'rename', second);
  meet(owner, `unlink${suffix}`, 'unlink', first);
  meet(owner, `rm${suffix}`, 'unlink', first);
  if (owner === fs) {
    for (const name of ['fsync', 'fdatasync']) meet(owner, `${name}${suffix}`, 'fsync', pathOf);
    meet(owner, `ftruncate${suffix}`, 'truncate', pathOf);
  }
}

const handle = await fs.promises.open(process.execPath, 'r');
const prototype = Object.getPrototypeOf(handle);
await handle.close();
for (const name of ['sync', 'datasync'])
  meet(prototype, name, 'fsync', function path() {
    return pathOf(this.fd);
  });

const { open, write, close } = fs;
fs.open = (path, flags, ...rest) => {
  const callback = rest.at(-1);
  open(path, flags, ...rest.slice(0, -1), (error, fd) => {
    if (error === null && typeof flags === 'number' && (flags & fs.constants.O_DSYNC) !== 0) durable.add(fd);
    callback(error, fd);
  });
};
fs.close = (fd, ...rest) => {
  durable.delete(fd);
  close(fd, ...rest);
};
fs.write = (fd, bytes, ...rest) => {
  const when = durable.has(fd) ? reach('write', pathOf(fd)) : undefined;
  if (when === undefined) return write(fd, bytes, ...rest);
  const [offset, length, position] = rest;
  return write(fd, bytes, offset, when === 'torn' ? length >> 1 : length, position, endProcess);
};
syncBuiltinESMExports();
