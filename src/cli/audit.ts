import { lstat, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { fault, HoldfastError, systemCode, textOf } from '../base/errors.ts';
import { BUNDLE_BYTES_MAX } from '../base/limits.ts';
import { quoted } from './quoted.ts';
import { fetchFile } from './rest-client.ts';
import type { Target } from './target.ts';
import { printFault, printText, type Terminal } from './terminal.ts';

export interface ExportOptions {
  readonly out: string;
  readonly id?: string;
  readonly asOf?: string;
  readonly knownAt?: string;
  readonly on?: string;
}

type Count =
  'files' | 'entries' | 'authors' | 'signatures' | 'vouched' | 'links' | 'equivocations' | 'void' | 'policies';

/** What checking a bundle gives, as far as it is printed. */
export interface BundleReport {
  readonly sound: boolean;
  readonly fault: { readonly file: string; readonly rule: string; readonly text: string } | undefined;
  readonly question: { readonly by: string; readonly id: string | null; readonly moment: unknown } | undefined;
  readonly trusted:
    | {
        readonly network: string;
        readonly name: string;
        readonly roots: readonly string[];
        readonly demanded: string | undefined;
      }
    | undefined;
  readonly root: string | undefined;
  readonly checked: Readonly<Record<Count, number>> | undefined;
  readonly receipts:
    | {
        readonly size: number;
        readonly later: number;
        readonly witnesses: readonly WitnessTime[];
        readonly proofs: readonly { readonly entry: string; readonly witnesses: readonly WitnessTime[] }[];
      }
    | undefined;
  readonly known: Known | undefined;
  readonly ownHowTo: boolean | undefined;
}

interface Known {
  readonly node: string;
  readonly size: number;
  readonly witnesses: readonly WitnessTime[];
}

/** Time in seconds since 1970. */
interface WitnessTime {
  readonly witness: string;
  readonly time: number;
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
 * `holdfast audit export`: the node's bundle into a new file, which has its name once it is whole: until then it is `FILE.part`, which a failure
 * removes and the next try writes anew. `CLI_…`
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
  printText(terminal.stdout, `bundle ${out} bytes=${size}\ncheck it: holdfast audit verify ${out} --root KEY`);
  return 0;
};

const readBundle = async (file: string): Promise<Uint8Array> => {
  try {
    const { size } = await stat(file);
    if (size > BUNDLE_BYTES_MAX) throw new Error(`it has ${size} bytes; a bundle has at most ${BUNDLE_BYTES_MAX}`);
    return await readFile(file);
  } catch (caught) {
    throw fileFault(file, caught);
  }
};

const CHECKED: readonly (readonly [Count, string])[] = [
  ['files', 'files, each named with its hash in MANIFEST, which the exporting node signed'],
  ['entries', 'entries: form, content, and the place in their author’s log'],
  ['authors', 'authors'],
  ['signatures', 'signatures of entries that hold'],
  ['vouched', 'entries vouched for by a later one of their author'],
  ['links', 'links to entries before, each later than those'],
  ['equivocations', 'authors that signed two entries with one number: void from there on'],
  ['void', 'entries without effect at the moment asked for'],
  ['policies', 'policies in force that were asked for: state.json follows from the entries'],
];

const trustLines = ({ trusted }: BundleReport): readonly string[] => {
  if (trusted === undefined) return [];
  const { network, name, roots, demanded } = trusted;
  const believed =
    demanded === undefined
      ? 'no --root was given: the roots are what the bundle itself says; compare them with what you know'
      : `the root that was demanded: ${demanded}`;
  return [`network ${name} ${network}`, ...roots.map((key) => `  root ${key}`), `  ${believed}`];
};

/** Proofs of single entries that are printed; the others are in the JSON. */
const PROOFS_PRINTED_MAX = 20;

const wordsOf = ({ witness, time }: WitnessTime): string =>
  `at the latest at ${new Date(time * 1_000).toISOString()}, by the word of ${witness}`;

/** Who had what, when. */
const receiptLines = ({ receipts, question }: BundleReport): readonly string[] => {
  const by = question?.by ?? '';
  if (receipts === undefined)
    return ['no receipts: nothing shows when the node had these entries, nor that it left none out'];
  const { size, later, witnesses, proofs } = receipts;
  return [
    `receipts: ${by} had signed for ${size} entries, all of them in the bundle`,
    ...(witnesses.length === 0
      ? ['  by its own word alone: no registered node has cosigned its checkpoint']
      : witnesses.map((each) => `  ${wordsOf(each)}`)),
    ...(later === 0 ? [] : [`  ${later} more came after that checkpoint: nothing shows when, nor that these are all`]),
    ...(proofs.length === 0 ? [] : [`  ${proofs.length} entries that policies come from, each proven by itself`]),
    ...proofs
      .slice(0, PROOFS_PRINTED_MAX)
      .flatMap(({ entry, witnesses: [first] }) =>
        first === undefined ? [] : [`    it had ${entry} ${wordsOf(first)}`],
      ),
  ];
};

const knownLines = ({ known }: BundleReport): readonly string[] =>
  known === undefined
    ? []
    : [
        `known then: ${known.node} had at least ${known.size} entries, and the state is what follows from these`,
        ...known.witnesses.map((each) => `  ${wordsOf(each)}`),
      ];

const OTHER_HOW_TO =
  'HOWTO.txt: not that of this version; what it tells to run was looked at by nobody: read it before you do any of it';

/** What was checked, a line each. */
const reportText = (report: BundleReport): string => {
  const { question, root, checked } = report;
  const asked =
    question === undefined ? [] : [`exported by ${question.by}`, `asked for ${question.id ?? 'all policies'}`];
  const counts = CHECKED.map(([name, words]) => `  ${String(checked?.[name] ?? 0).padStart(8)} ${words}`);
  return [
    'sound',
    ...trustLines(report),
    ...asked,
    `state root ${root ?? ''}`,
    ...counts,
    ...knownLines(report),
    ...receiptLines(report),
    ...(report.ownHowTo === true ? [] : [OTHER_HOW_TO]),
  ].join('\n');
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
