import { createHash } from 'node:crypto';

/** Which files of a table sums are over: record times from `from` on and before `to`. */
export interface SumScope {
  readonly dbms: string;
  readonly table: string;
  readonly from: string;
  readonly to: string;
  /** Only those whose record time begins with one of these, which are of one length. */
  readonly within?: readonly string[];
  /** Origins whose files are left out: those of other clusters. */
  readonly without?: readonly string[];
}

/** One file as operators compare it. */
export interface FileSum {
  readonly origin: string;
  readonly file: number;
  readonly time: string;
  readonly status: string;
  /** Digest over what the record says. */
  readonly about: string;
  /** As the record says. */
  readonly rows: number;
  /** Over the rows in the table; where there are more or fewer than the record says, their number stands in front. */
  readonly sum: string;
}

/** The files of one stretch of time: how much they are, and the hash over their records and rows. */
export interface BucketSum {
  /** What the record times of its files begin with: `2026-11-20` for a day. */
  readonly bucket: string;
  readonly files: number;
  readonly rows: number;
  readonly sum: string;
}

/** What an operator holds, in a form that operators compare. Reads every row that it speaks of. */
export interface FileSums {
  /** Tables that files were given for, with the number of rows that belong to none of them, as far as is counted; 0 unless `strays`. */
  tables(
    strays: boolean,
  ): Promise<readonly { readonly dbms: string; readonly table: string; readonly strays: number }[]>;
  /** By time, each as long as the first `digits` of record times are equal. `TABLE_SUMS_BOUND` for too many. */
  buckets(scope: SumScope, digits: number): Promise<readonly BucketSum[]>;
  /** By time, origin, number. `TABLE_SUMS_BOUND` for too many. */
  files(scope: SumScope): Promise<readonly FileSum[]>;
  /** A digest of each of the first rows of a file, in order; empty for a row that is missing. */
  rows(origin: string, file: number): Promise<readonly string[]>;
}

/** Gathers files that come in the order of their times into buckets. */
export class BucketSums {
  readonly #digits: number;
  readonly #done: BucketSum[] = [];
  #hash = createHash('sha256');
  #open: { bucket: string; files: number; rows: number } | undefined;

  constructor(digits: number) {
    this.#digits = digits;
  }

  add({ origin, file, time, status, about, rows, sum }: FileSum): void {
    const bucket = time.slice(0, this.#digits);
    if (this.#open?.bucket !== bucket) {
      this.#close();
      this.#open = { bucket, files: 0, rows: 0 };
    }
    if (status === 'stored') this.#open.files += 1;
    this.#open.rows += rows;
    this.#hash.update(`${origin}/${file} ${status} ${about} ${rows} ${sum}\n`);
  }

  end(): readonly BucketSum[] {
    this.#close();
    return this.#done;
  }

  #close(): void {
    if (this.#open === undefined) return;
    this.#done.push({ ...this.#open, sum: this.#hash.digest('hex').slice(0, 32) });
    this.#open = undefined;
    this.#hash = createHash('sha256');
  }
}
