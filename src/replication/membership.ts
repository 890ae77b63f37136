import type { Holdings } from '../operator/file-record.ts';

/** What the policies say of the own cluster and of other operators. */
export interface MembershipPorts {
  /** Own operator policy id. */
  readonly self: string;
  /** Whether an id is that of an operator of another cluster, as the policies are now. Default: none is known to be. */
  readonly isForeign?: ((operator: string) => boolean) | undefined;
  /** The own cluster, as the policies are now; undefined where they do not say it. */
  readonly cluster?: (() => string | undefined) | undefined;
}

/** Which files are of the operator's cluster, and whether it was moved to another one. */
export class Membership {
  readonly #ports: MembershipPorts;
  #cluster: string | undefined;

  /** `cluster`: the own one, as it was when it was decided whether the operator is filled. */
  constructor(ports: MembershipPorts, cluster: string | undefined) {
    this.#ports = ports;
    this.#cluster = cluster;
  }

  /** The own cluster, as it was at the last look. */
  get cluster(): string | undefined {
    return this.#cluster;
  }

  /** Whether the policies say another cluster than at the last look. */
  get isMoving(): boolean {
    return this.#cluster !== undefined && (this.#ports.cluster?.() ?? this.#cluster) !== this.#cluster;
  }

  /** Looks: whether it was moved since the last look. */
  look(): boolean {
    const isMoved = this.isMoving;
    this.#cluster = this.#ports.cluster?.() ?? this.#cluster;
    return isMoved;
  }

  /** Whether files of an origin are of this cluster, if a peer holds them: also of one whose policy is gone by now. */
  readonly belongsHere = (origin: string): boolean =>
    origin === this.#ports.self || this.#ports.isForeign?.(origin) !== true;

  /** What belongs here of some files. */
  ofCluster(files: Holdings): Holdings {
    return new Map([...files].filter(([origin]) => this.belongsHere(origin)));
  }
}
