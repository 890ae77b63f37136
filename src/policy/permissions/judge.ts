/** What a permissions policy says of the doors. */
export interface Permissions {
  readonly id: string;
  readonly name: string;
  readonly enable: readonly string[];
  readonly disable: readonly string[];
  readonly databases: readonly string[];
  /** Undefined: all of the databases. */
  readonly tables: readonly string[] | undefined;
}

/** A table, or `*` for all: lower case. */
export interface Touch {
  readonly dbms: string;
  readonly table: string;
}

/** A command as a door has understood it. */
export interface Act {
  /** All its spellings, the documented first: lower case, one blank between words. */
  readonly spellings: readonly string[];
  /** Whether an entry that says more than the words of any command means this one. */
  readonly isMeantBy: (entry: string) => boolean;
  /** What it works on: nothing where it is no command on data. */
  readonly touches: readonly Touch[];
}

const ALL = '*';

/** Words as commands are compared: lower case, one blank between them, `ledger` for what it stands for. */
export const plainWords = (text: string): string =>
  text
    .trim()
    .toLowerCase()
    .split(/\s+/u)
    .map((word, at) => (at === 0 && word === 'ledger' ? 'blockchain' : word))
    .join(' ');

/** Whether a text goes on from these words, or is them. */
export const beginsWith = (text: string, words: string): boolean => text === words || text.startsWith(`${words} `);

const names = (entry: string, { spellings }: Act): boolean => {
  const words = plainWords(entry);
  return words === ALL || (words !== '' && spellings.some((spelling) => beginsWith(spelling, words)));
};

/**
 * What says more than a command cannot be told from what is typed, so it stands for all of the command, and only where
 * it forbids.
 */
const forbids = (entry: string, act: Act): boolean => names(entry, act) || act.isMeantBy(plainWords(entry));

const plainName = (entry: string): string => entry.trim().normalize('NFC').toLowerCase();

interface Names {
  readonly in: readonly string[];
  readonly out: readonly string[];
}

const namesOf = (entries: readonly string[]): Names => {
  const plain = entries.map(plainName);
  return {
    in: plain.filter((name) => !name.startsWith('-')),
    out: plain.filter((name) => name.startsWith('-')).map((name) => name.slice(1).trim()),
  };
};

const isIn = (list: readonly string[], { dbms, table }: Touch, isOfTables: boolean): boolean =>
  list.includes(ALL) ||
  (isOfTables
    ? table !== ALL && (list.includes(table) || list.includes(`${dbms}.${table}`))
    : dbms !== ALL && list.includes(dbms));

/** Whether anything that a touch may reach is left out: of all databases or tables any. */
const isOut = (list: readonly string[], { dbms, table }: Touch, isOfTables: boolean): boolean => {
  if (list.includes(ALL)) return true;
  if (!isOfTables) return dbms === ALL ? list.length > 0 : list.includes(dbms);
  return list.some((name) => {
    const dot = name.indexOf('.');
    const [ofDbms, ofTable] = dot < 0 ? [ALL, name] : [name.slice(0, dot), name.slice(dot + 1)];
    const isSameDbms = ofDbms === ALL || dbms === ALL || ofDbms === dbms;
    return isSameDbms && (table === ALL || ofTable === ALL || ofTable === table);
  });
};

const shown = ({ dbms, table }: Touch): string => {
  if (dbms === ALL) return 'all databases';
  return table === ALL ? `all tables of the database ${dbms}` : `the table ${dbms}.${table}`;
};

const reaches = ({ databases, tables }: Permissions, touch: Touch): boolean =>
  isIn(namesOf(databases).in, touch, false) && (tables === undefined || isIn(namesOf(tables).in, touch, true));

const leavesOut = ({ databases, tables = [] }: Permissions, touch: Touch): boolean =>
  isOut(namesOf(databases).out, touch, false) || isOut(namesOf(tables).out, touch, true);

/**
 * What is missing for an act; undefined where it may be done. One of the permissions has to enable it and reach all
 * that it touches; what any of them disables or leaves out is refused, whatever the others say. What is not named is
 * not given, but for the tables of a database.
 */
export const judge = (held: readonly Permissions[], act: Act): string | undefined => {
  const [command = ''] = act.spellings;
  const of = ({ name, id }: Permissions): string => `the permissions ${name} (${id})`;
  const against = held.find(({ disable }) => disable.some((entry) => forbids(entry, act)));
  if (against !== undefined) return `${of(against)} disable: ${command}`;
  for (const each of held) {
    const excluded = act.touches.find((touch) => leavesOut(each, touch));
    if (excluded !== undefined) return `${of(each)} leave out what it would reach, ${shown(excluded)}`;
  }
  const enabling = held.filter(({ enable }) => enable.some((entry) => names(entry, act)));
  if (enabling.length === 0)
    return held.length === 1
      ? `${of(held[0] as Permissions)} do not enable: ${command}`
      : `none of the permissions held enables: ${command}`;
  if (enabling.some((each) => act.touches.every((touch) => reaches(each, touch)))) return undefined;
  const beyond = act.touches.find((touch) => !enabling.some((each) => reaches(each, touch)));
  return `no permissions held reach ${beyond === undefined ? 'all of it together' : shown(beyond)}`;
};
