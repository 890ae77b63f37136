import { z } from 'zod';
import { FRONTIER_HEADS_MAX } from '../base/limits.ts';
import { canonicalBytes, parseCanonical } from '../codec/canonical.ts';
import { hash, isAscending } from '../codec/fields.ts';
import type { JsonObject } from '../codec/json.ts';
import type { PeerKey } from '../network/network.ts';
import type { StatedMoment } from '../policy/moment.ts';

/** What a node knew at a time, by receipts that are in the bundle; microseconds since 1970. */
interface KnownMoment {
  readonly kind: 'known';
  readonly node: PeerKey;
  readonly micros: number;
}

/** What was asked, of whom, when (SPEC §3). */
export interface Question {
  /** Key of the node that answers and signs. */
  readonly by: string;
  /** The policy that was asked for; null: all. */
  readonly id: string | null;
  /** Wall clock of that node, microseconds since 1970. */
  readonly made: number;
  readonly moment: StatedMoment | KnownMoment;
  readonly network: string;
}

const micros = z.int().min(0);

const schema = z.strictObject({
  by: hash,
  id: z.string().min(1).max(256).nullable(),
  made: micros,
  moment: z.union([
    z.strictObject({ frontier: z.array(hash).max(FRONTIER_HEADS_MAX).refine(isAscending) }),
    z.strictObject({ time: micros }),
    z.strictObject({ node: hash, time: micros }),
  ]),
  network: hash,
  v: z.literal(1),
});

const momentJson = (moment: Question['moment']): JsonObject => {
  switch (moment.kind) {
    case 'time':
      return { time: moment.micros };
    case 'frontier':
      return { frontier: moment.heads };
    case 'known':
      return { node: moment.node, time: moment.micros };
  }
};

const readMoment = (moment: z.infer<typeof schema>['moment']): Question['moment'] => {
  if ('frontier' in moment) return { kind: 'frontier', heads: moment.frontier };
  return 'node' in moment
    ? { kind: 'known', node: moment.node, micros: moment.time }
    : { kind: 'time', micros: moment.time };
};

/** The bytes of `query.json`. */
export const questionBytes = ({ by, id, made, moment, network }: Question): Uint8Array =>
  canonicalBytes({
    by,
    id,
    made,
    moment: momentJson(moment),
    network,
    v: 1,
  });

/** The question in `query.json`. Throws `CODEC_…`, and a `ZodError` for what is no question. */
export const readQuestion = (bytes: Uint8Array): Question => {
  const { by, id, made, moment, network } = schema.parse(parseCanonical(bytes));
  return { ...{ by, id, made, network }, moment: readMoment(moment) };
};
