import { lstat, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fault, HoldfastError, systemCode, textOf } from '../base/errors.ts';
import { BUNDLE_BYTES_MAX } from '../base/limits.ts';
import { type BundleReport, reportText } from './bundle-report.ts';
import { quoted } from './quoted.ts';
import { fetchFile } from './rest-client.ts';
import type { Target } from './target.ts';
import { asTyped, printFault, printText, type Terminal } from './terminal.ts';

/** What goes into a bundle and where it is written, as typed. */
export interface ExportOptions {
  readonly out: string;
  readonly id?: string;
  readonly asOf?: string;
  readonly knownAt?: string;
  readonly on?: string;
}

const fileFault = (file: string, caught: unknown): HoldfastError =>
  fault('CLI_FILE', `${file}: ${textOf(caught)}`, {
    hint:
      systemCode(caught) === 'EEXIST'
        ? 'a bundle goes into a new file: name one that is not there yet, or remove this one'
        : 'name a file that this user may read or write',
    cause: caught,
  });

const broken = (node: string, caught: unknown): HoldfastError =>
  fault('CLI_NODE_UNREACHABLE', `the bundle did not come whole from ${node}: ${textOf(caught)}`, {
    hint: 'the log of the node says more; export again',
    cause: caught,
  });

/** Refuses a name that is taken. `CLI_FILE`. */
const checkNew = async (out: string): Promise<void> => {
  const found = await lstat(out).catch(() => undefined);
  if (found !== undefined)
    throw fileFault(out, Object.assign(new Error('EEXIST: it exists already'), { code: 'EEXIST' }));
};

/**
 * `holdfast audit export`: the node's bundle into a new file, which has its name once it is whole: until then it is
 * `FILE.part`, which a failure removes and the next try writes anew. `CLI_…`
 */
export const runExport = async (
  terminal: Terminal,
  from: Target,
  { out, id, asOf, knownAt, on }: ExportOptions,
): Promise<number> => {
  const pairs = [
    ...(id === undefined ? [] : [`id = ${quoted(id)}`]),
    ...(asOf === undefined ? [] : [`as_of = ${quoted(asOf)}`]),
    ...(knownAt === undefined ? [] : [`known_at = ${quoted(knownAt)}`]),
    ...(on === undefined ? [] : [`on = ${quoted(on)}`]),
  ];
  const command = ['blockchain export', ...(pairs.length === 0 ? [] : [`where ${pairs.join(' and ')}`])].join(' ');
  await checkNew(out);
  const part = `${out}.part`;
  const target = await open(part, 'w').catch((caught: unknown) => {
    throw fileFault(out, caught);
  });
  try {
    await fetchFile({ ...from, command }, (file) => pipeline(file, target.createWriteStream()));
  } catch (caught) {
    await rm(part, { force: true });
    throw caught instanceof HoldfastError ? caught : broken(from.node, caught);
  } finally {
    await target.close().catch(() => {
      // The stream has closed it.
    });
  }
  await rename(part, out).catch((caught: unknown) => {
    throw fileFault(out, caught);
  });
  const { size } = await stat(out);
  const check = asTyped(terminal, 'check it: holdfast audit verify');
  printText(terminal.stdout, `bundle ${out} bytes=${size}\n${check} ${out} --root KEY`);
  return 0;
};

const readBundle = async (file: string): Promise<Uint8Array> => {
  try {
    const { size } = await stat(file);
    if (size > BUNDLE_BYTES_MAX) throw new Error(`it has ${size} bytes; a bundle has at most ${BUNDLE_BYTES_MAX}`);
    return await readFile(file);
  } catch (caught) {
    if (systemCode(caught) === 'EISDIR')
      throw fault('CLI_FILE', `${file}: a directory: this is no tar bundle`, {
        hint: 'name the file that audit export wrote',
        cause: caught,
      });
    throw fileFault(file, caught);
  }
};

interface VerifyParts {
  readonly json: boolean;
  readonly verify: (archive: Uint8Array) => Promise<BundleReport>;
}

/** `holdfast audit verify`: 0 where everything holds, else 1 and the first fault with its file. */
export const runVerify = async (terminal: Terminal, file: string, { json, verify }: VerifyParts): Promise<number> => {
  const report = await verify(await readBundle(file));
  const wrong = report.fault;
  if (json) printText(terminal.stdout, JSON.stringify(report));
  else if (wrong === undefined) printText(terminal.stdout, reportText(report));
  else
    printFault(
      terminal,
      fault('BUNDLE_FAULT', `${file}: ${wrong.file}: ${wrong.text} (${wrong.rule})`, {
        hint:
          wrong.rule === 'root'
            ? 'it is of a network with other roots: was the key told to you rightly, is this the file of that network?'
            : 'nothing of this file proves anything; have it exported again',
      }),
    );
  return report.sound ? 0 : 1;
};
