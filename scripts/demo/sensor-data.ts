import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { SensorFile } from '../fixtures-sensor.ts';

const FIXTURES = new URL('../../fixtures/sensor/', import.meta.url);

/** The files of measured rows of a site, as `fixtures/sensor/manifest.json` lists them. */
export const sensorFiles = (site: 'a' | 'b'): readonly SensorFile[] =>
  (JSON.parse(readFileSync(new URL('manifest.json', FIXTURES), 'utf8')) as SensorFile[]).filter(
    (file) => file.site === site,
  );

export const sensorContent = ({ file }: SensorFile): Uint8Array<ArrayBuffer> =>
  new Uint8Array(readFileSync(fileURLToPath(new URL(file, FIXTURES))));

/** Name of the file without its folder: what a data source drops into a watch directory. */
export const sensorFileName = ({ file }: SensorFile): string => file.slice(file.lastIndexOf('/') + 1);

export const countRows = (files: readonly SensorFile[]): number => files.reduce((sum, { rows }) => sum + rows, 0);
