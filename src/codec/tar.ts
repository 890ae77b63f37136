import { fault, type HoldfastError } from '../base/errors.ts';

/** One file of an archive. */
export interface TarFile {
  /** Printable ASCII, at most 100 characters, relative, without `.` and `..`. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 512;
const NAME_CHARS_MAX = 100;
const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;
const SIZE_AT = 124;
const SIZE_DIGITS = 11;

const NO_TAR = 'this is no tar bundle';

/** What ends an archive. */
export const TAR_END: Uint8Array = new Uint8Array(2 * BLOCK);

const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

/** Whether a name stays below the directory that an archive is unpacked in, and means the same everywhere. */
const isTarName = (name: string): boolean =>
  name.length <= NAME_CHARS_MAX && name.split('/').every((part) => PART.test(part));

/**
 * The header of a regular file, as tar knew it before POSIX (what stands at 157 is no magic there, and means nothing).
 * Nothing but name and size varies: mode 0644, owner 0, the time 0, so that the same files always give the same
 * archive.
 */
const headerOf = (name: string, size: number): Uint8Array => {
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 'latin1');
  header.write('0000644\u00000000000\u00000000000\u0000', 100, 'latin1');
  header.write(`${size.toString(8).padStart(SIZE_DIGITS, '0')}\u0000${'0'.repeat(11)}\u0000`, SIZE_AT, 'latin1');
  header.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH);
  header.write('0ustar\u000000', 156, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\u0000 `, CHECKSUM_AT, 'latin1');
  return header;
};

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

/** Bytes that a file takes in an archive. */
export const tarBytes = (size: number): number => BLOCK + size + paddingOf(size);

/** A file as it stands in an archive; the archive is these one after the other, then {@link TAR_END}. */
export const tarEntry = ({ name, bytes }: TarFile): Uint8Array => {
  if (!isTarName(name)) throw fault('CODEC_TAR', `${JSON.stringify(name.slice(0, 200))} is no name for an archive`);
  return Buffer.concat([headerOf(name, bytes.byteLength), bytes, Buffer.alloc(paddingOf(bytes.byteLength))]);
};

const isZero = (bytes: Uint8Array): boolean => bytes.every((byte) => byte === 0);

const wrong = (text: string, file: string | undefined, at: number): HoldfastError =>
  fault('CODEC_TAR', text, { data: { file, at }, hint: 'the file is damaged, or no audit bundle' });

/** The name in a header, as far as it can be shown. */
const nameIn = (header: Uint8Array): string => {
  const field = Buffer.from(header.subarray(0, NAME_CHARS_MAX));
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end === -1 ? NAME_CHARS_MAX : end);
};

/** Whether the sum in a header is that of its bytes: what tells a tar of any kind from another file. */
const hasSum = (header: Uint8Array): boolean => {
  const said = Buffer.from(header.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH)).toString('latin1');
  const end = CHECKSUM_AT + CHECKSUM_LENGTH;
  const sum = header.reduce((total, byte, at) => total + (at >= CHECKSUM_AT && at < end ? 0x20 : byte), 0);
  return Number.parseInt(said.trim(), 8) === sum;
};

/** The file that begins at a place, and where the next one does. */
const fileAt = (archive: Uint8Array, at: number): { readonly file: TarFile; readonly end: number } => {
  const header = archive.subarray(at, at + BLOCK);
  const name = nameIn(header);
  if (!isTarName(name))
    throw wrong(
      at === 0 && !hasSum(header) ? NO_TAR : `${JSON.stringify(name)} is no name that is allowed in it`,
      undefined,
      at,
    );
  const digits = Buffer.from(header.subarray(SIZE_AT, SIZE_AT + SIZE_DIGITS)).toString('latin1');
  const size = /^[0-7]{11}$/.test(digits) ? Number.parseInt(digits, 8) : 0;
  // Also refuses links, other kinds of files, long names, prefixes and sums that do not hold.
  if (Buffer.compare(headerOf(name, size), header) !== 0) throw wrong('its header is not as agreed', name, at);
  const from = at + BLOCK;
  const end = from + size + paddingOf(size);
  if (end > archive.byteLength) throw wrong(`${size} bytes announced, fewer are there`, name, at);
  if (!isZero(archive.subarray(from + size, end))) throw wrong('what fills its last block is not zero', name, at);
  return { file: { name, bytes: archive.subarray(from, from + size) }, end };
};

/**
 * The files of an archive in their order, as views on its bytes; nothing is written anywhere. Only what
 * {@link tarEntry} makes is read: one archive for the same files, so that a changed bit anywhere is seen. Throws
 * `CODEC_TAR`, with the name of the file in `data`.
 */
export const readTar = (archive: Uint8Array, filesMax: number): readonly TarFile[] => {
  const files: TarFile[] = [];
  const names = new Set<string>();
  let at = 0;
  for (; at + BLOCK <= archive.byteLength && archive[at] !== 0;) {
    const { file, end } = fileAt(archive, at);
    if (names.has(file.name)) throw wrong('there are two files of that name', file.name, at);
    if (files.length === filesMax) throw wrong(`more than ${filesMax} files`, file.name, at);
    names.add(file.name);
    files.push(file);
    at = end;
  }
  const rest = archive.subarray(at);
  if (rest.byteLength !== TAR_END.byteLength || !isZero(rest))
    throw wrong(at === 0 && !isZero(rest) ? NO_TAR : 'it does not end as an archive does', files.at(-1)?.name, at);
  return files;
};
