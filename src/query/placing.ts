import type { FileRanges, Holdings } from '../operator/file-record.ts';
import { countRanges, uniteRanges } from '../operator/ranges.ts';
import { lackingOf } from '../replication/transfer/holdings.ts';
import { homeOf } from '../topology/home.ts';
import type { Topology } from '../topology/topology.ts';

/** What the policies say of where operators are. */
export type Places = Pick<Topology, 'clusters' | 'operators'>;

/** What was asked for with an answer of a cluster, and what the answer was made from. */
export interface PlacedAnswer {
  readonly cluster: string;
  /** Origins whose rows it leaves out. */
  readonly elsewhere: readonly string[];
  /** Undefined for one that is made from no more than was committed. */
  readonly needs: Holdings | undefined;
  readonly held: Holdings;
}

/**
 * In which one cluster the rows of each origin count, in the view of one query. By the policies: an operator that was
 * moved takes its rows with it. The operators of its former cluster still hold these rows, and it still holds theirs,
 * but there they do not count. The rows of an origin without a policy count where its newest files are known to be: its
 * last cluster got these. Pure, and costs next to nothing where every cluster holds its own files alone.
 */
export class Placing {
  readonly #places: Places;
  readonly #shown: ReadonlyMap<string, Holdings>;
  /** Of origins without a policy, remembered once it was looked up. */
  readonly #ofGone = new Map<string, string | undefined>();
  /** By the cluster where they count: files that operators of other clusters hold. */
  readonly #strayed = new Map<string, Map<string, FileRanges>>();

  /**
   * `shown`: by cluster, the files that its answers were made from. Those of one that was deleted since say nothing:
   * nobody answers for it any more.
   */
  constructor(places: Places, shown: ReadonlyMap<string, Holdings>) {
    this.#places = places;
    this.#shown = new Map([...shown].filter(([cluster]) => places.clusters.has(cluster)));
    for (const [cluster, files] of this.#shown)
      for (const [origin, ranges] of files) {
        const home = this.clusterOf(origin);
        if (home !== undefined && home !== cluster) this.#noteStrayed(home, origin, ranges);
      }
  }

  /** Which origins of some files an answer of a cluster leaves out. */
  elsewhere(cluster: string, files: Holdings): readonly string[] {
    return [...files.keys()].filter((origin) => (this.clusterOf(origin) ?? cluster) !== cluster);
  }

  /** The origins that answers of a cluster have to leave out, by what they were made from so far. */
  elsewhereOf(cluster: string): readonly string[] {
    return this.elsewhere(cluster, this.#shown.get(cluster) ?? NOTHING);
  }

  /** The files that answers of a cluster must be made from: all of its own that were shown, by whichever cluster. */
  needs(cluster: string): Holdings {
    const own = this.ofCluster(cluster, this.#shown.get(cluster) ?? NOTHING);
    const strayed = this.#strayed.get(cluster);
    if (strayed === undefined) return own;
    const needs = new Map(own);
    for (const [origin, ranges] of strayed) needs.set(origin, uniteRanges(needs.get(origin) ?? [], ranges));
    return needs;
  }

  /** Without the files that belong to other clusters. */
  ofCluster(cluster: string, files: Holdings): Holdings {
    const elsewhere = new Set(this.elsewhere(cluster, files));
    return elsewhere.size === 0 ? files : new Map([...files].filter(([origin]) => !elsewhere.has(origin)));
  }

  /**
   * Whether an answer may count: it left out what counts elsewhere and nothing else, and it was asked for all files of
   * its cluster that others hold and it lacks.
   */
  fits({ cluster, elsewhere, needs, held }: PlacedAnswer): boolean {
    const left = new Set(elsewhere);
    const right = [...held.keys()].every(
      (origin) => left.has(origin) === ((this.clusterOf(origin) ?? cluster) !== cluster),
    );
    if (!right) return false;
    const strayed = this.#strayed.get(cluster);
    if (strayed === undefined || needs === undefined) return true;
    return lackingOf(new Map(lackingOf(strayed, held)), needs).length === 0;
  }

  /** Where the rows of an origin count; undefined where nothing is known of it. */
  clusterOf(origin: string): string | undefined {
    return homeOf(this.#places, origin) ?? this.#lastOf(origin);
  }

  #lastOf(origin: string): string | undefined {
    if (this.#ofGone.has(origin)) return this.#ofGone.get(origin);
    const [first] = [...this.#shown]
      .flatMap(([cluster, files]) => {
        const ranges = files.get(origin) ?? [];
        return ranges.length === 0 ? [] : [{ cluster, last: ranges.at(-1)?.[1] ?? 0, count: countRanges(ranges) }];
      })
      .sort((a, b) => b.last - a.last || b.count - a.count || (a.cluster < b.cluster ? -1 : 1));
    this.#ofGone.set(origin, first?.cluster);
    return first?.cluster;
  }

  #noteStrayed(home: string, origin: string, ranges: FileRanges): void {
    const strayed = this.#strayed.get(home) ?? new Map<string, FileRanges>();
    this.#strayed.set(home, strayed.set(origin, uniteRanges(strayed.get(origin) ?? [], ranges)));
  }
}

const NOTHING: Holdings = new Map();
