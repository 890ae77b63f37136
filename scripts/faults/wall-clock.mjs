// A wrong wall clock for a process and its threads, loaded by `node --import`: the file FAULTS_CLOCK holds the milliseconds by which it is off,
// and may change at any moment. Timers and monotonic time stay true, as on a machine whose clock is set.
import { readFileSync } from 'node:fs';

const TrueDate = Date;
const { FAULTS_CLOCK: file } = process.env;
let offMs = 0;

const look = () => {
  try {
    offMs = Number(readFileSync(file, 'utf8'));
  } catch {
    offMs = 0;
  }
};

const now = () => TrueDate.now() + offMs;

if (file !== undefined) {
  look();
  setInterval(look, 50).unref();
  globalThis.Date = new Proxy(TrueDate, {
    construct: (target, values, made) => Reflect.construct(target, values.length === 0 ? [now()] : values, made),
    apply: () => new TrueDate(now()).toString(),
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  });
}
