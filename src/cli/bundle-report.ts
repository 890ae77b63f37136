type Count =
  'files' | 'entries' | 'authors' | 'signatures' | 'vouched' | 'links' | 'equivocations' | 'void' | 'policies';

/** What checking a bundle gives, as far as it is printed. */
export interface BundleReport {
  readonly sound: boolean;
  readonly fault: { readonly file: string; readonly rule: string; readonly text: string } | undefined;
  readonly question:
    { readonly by: string; readonly id: string | null; readonly made: number; readonly moment: Moment } | undefined;
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
  readonly unshown: number | undefined;
  readonly erased: readonly Erased[] | undefined;
  readonly ownHowTo: boolean | undefined;
}

/** What was asked about; times in microseconds since 1970. */
type Moment =
  | { readonly kind: 'time'; readonly micros: number }
  | { readonly kind: 'frontier'; readonly heads: readonly string[] }
  | { readonly kind: 'known'; readonly node: string; readonly micros: number };

/** An entry whose body is gone by right; time in microseconds since 1970. */
interface Erased {
  readonly entry: string;
  readonly author: string;
  readonly time: number;
  readonly reason: string;
}

interface Known {
  readonly node: string;
  readonly size: number;
  readonly witnesses: readonly (WitnessTime & { readonly registered: boolean })[];
}

/** Time in seconds since 1970. */
interface WitnessTime {
  readonly witness: string;
  readonly time: number;
}

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

/** Proofs of single entries, and erased ones, that are printed; the others are in the JSON. */
const LISTED_MAX = 20;

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
      .slice(0, LISTED_MAX)
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
        ...known.witnesses.map(
          (each) => `  ${wordsOf(each)}${each.registered ? '' : ', a key that is registered no more'}`,
        ),
      ];

const stated = (micros: number): string => new Date(micros / 1_000).toISOString();

const momentText = (moment: Moment): string => {
  switch (moment.kind) {
    case 'time':
      return `as of ${stated(moment.micros)}, by the times that entries state`;
    case 'frontier':
      return `as of the frontier ${moment.heads.slice(0, LISTED_MAX).join('+')}${moment.heads.length > LISTED_MAX ? '+…' : ''}`;
    case 'known':
      return `as ${moment.node} knew them at ${stated(moment.micros)}`;
  }
};

/** What the bundle answers, to compare with what one wants to know. */
const questionLines = ({ question, unshown }: BundleReport): readonly string[] =>
  question === undefined
    ? []
    : [
        `exported by ${question.by} at ${stated(question.made)}, by its own clock`,
        `asked for ${question.id ?? 'all policies'} ${momentText(question.moment)}`,
        ...(unshown === undefined ? [] : [`  ${unshownText(unshown)}`]),
      ];

const unshownText = (unshown: number): string =>
  unshown === 0
    ? 'each entry of that moment was there by then, by the word of a registered node'
    : `of the entries of that moment, ${unshown} are shown by nobody to have been there by then: they may have been dated back`;

const erasedLines = ({ erased = [] }: BundleReport): readonly string[] =>
  erased.length === 0
    ? []
    : [
        `erased: what ${erased.length} entries said is gone by right`,
        ...erased
          .slice(0, LISTED_MAX)
          .map(({ entry, author, time, reason }) => `  ${entry} by ${author} on ${stated(time)}: ${reason}`),
      ];

const OTHER_HOW_TO =
  'HOWTO.txt: not that of this version; what it tells to run was looked at by nobody: read it before you do any of it';

/** What was asked and what was checked of a sound bundle, a line each. */
export const reportText = (report: BundleReport): string => {
  const { root, checked } = report;
  const counts = CHECKED.map(([name, words]) => `  ${String(checked?.[name] ?? 0).padStart(8)} ${words}`);
  return [
    'sound',
    ...trustLines(report),
    ...questionLines(report),
    `state root ${root ?? ''}`,
    ...counts,
    ...erasedLines(report),
    ...knownLines(report),
    ...receiptLines(report),
    ...(report.ownHowTo === true ? [] : [OTHER_HOW_TO]),
  ].join('\n');
};
