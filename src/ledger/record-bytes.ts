import { crc32 } from 'node:zlib';

const CRC_BYTES = 4;

/** Writes a record of the index: CRC-32, then bytes, varints and raw hashes. */
export class RecordWriter {
  #buffer = Buffer.allocUnsafe(1_024);
  #at = CRC_BYTES;

  byte(value: number): void {
    this.#reserve(1);
    this.#buffer[this.#at] = value;
    this.#at += 1;
  }

  /** LEB128 of a safe integer. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) {
      this.#buffer[this.#at] = (rest % 0x80) | 0x80;
      this.#at += 1;
    }
    this.#buffer[this.#at] = rest;
    this.#at += 1;
  }

  hex(digits: string): void {
    this.#reserve(digits.length / 2);
    this.#at += this.#buffer.write(digits, this.#at, 'hex');
  }

  bytes(bytes: Buffer): void {
    this.#reserve(bytes.byteLength);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  sealed(): Buffer {
    const bytes = this.#buffer.subarray(0, this.#at);
    bytes.writeUInt32BE(crc32(bytes.subarray(CRC_BYTES)), 0);
    return bytes;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#buffer.byteLength) return;
    const larger = Buffer.allocUnsafe(2 * (this.#at + more));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

/** Reads what {@link RecordWriter} wrote. */
export class RecordReader {
  readonly #bytes: Buffer;
  #at = CRC_BYTES;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.#at] ?? 0;
    this.#at += 1;
    return value;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
  }

  hex(count: number): string {
    const digits = this.#bytes.toString('hex', this.#at, this.#at + count);
    this.#at += count;
    return digits;
  }

  text(encoding: 'utf8' | 'hex'): string {
    const count = this.varint();
    const text = this.#bytes.toString(encoding, this.#at, this.#at + count);
    this.#at += count;
    return text;
  }
}

/** Undefined where the bytes are not sound. */
export const readerOf = (bytes: Buffer): RecordReader | undefined =>
  bytes.byteLength < CRC_BYTES || crc32(bytes.subarray(CRC_BYTES)) !== bytes.readUInt32BE(0)
    ? undefined
    : new RecordReader(bytes);
