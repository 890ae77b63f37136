import { publicKeyPem } from '../../entry/keys.ts';
import { parseEntry } from '../../entry/check.ts';
import type { RawEntry } from '../../entry/entry.ts';
import type { Equivocation } from '../../ledger/ledger.ts';
import { authorNames } from '../../policy/signed.ts';
import { anyText, optional } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { givesTable, type Reply } from '../reply.ts';
import { count, shortKey } from './common.ts';

const equivocationOptions = { author: optional(anyText, 'only that of one key') };

/** As the author made it: the text of the header is what the signature is over. */
const entryJson = (raw: RawEntry) => {
  const { hash, header } = parseEntry(raw);
  return {
    seq: header.seq,
    hash,
    header: Buffer.from(raw.header).toString('utf8'),
    signature: Buffer.from(raw.signature).toString('base64'),
    body: Buffer.from(raw.body).toString('utf8'),
  };
};

const told = (names: ReadonlyMap<string, string>, { author, seq, entries }: Equivocation) => ({
  author,
  name: names.get(author) ?? null,
  seq,
  key: publicKeyPem(author),
  entries: entries.map(entryJson),
});

const equivocations = ({ context, options }: Call<typeof equivocationOptions>): Reply => {
  const names = authorNames(context.policies.book);
  const proofs = context.ledger
    .equivocations()
    .filter(({ author }) => options.author === undefined || author === options.author)
    .map((proof) => told(names, proof));
  return givesTable({
    above:
      proofs.length === 0
        ? 'No key is known to have signed two entries with one number'
        : `${count(proofs.length, 'key', 'keys')} proven to have signed two entries with one number`,
    titles: ['Key', 'Name', 'Seq', 'Entry', 'Other Entry'],
    rows: proofs.map(({ author, name, seq, entries: [one, other] }) => [
      shortKey(author),
      name ?? '',
      seq,
      one?.hash ?? '',
      other?.hash ?? '',
    ]),
    json: proofs,
  });
};

/** Who signed two histories. */
export const equivocationCommands = (): readonly Command[] => [
  define({
    patterns: ['get equivocations', 'get equivocation'],
    method: 'GET',
    options: equivocationOptions,
    explanation:
      'lists the keys that signed two different entries with one number; with format = json each with the proof: both headers, ' +
      'their signatures (base64) and the public key (PEM), for openssl pkeyutl -verify -rawin',
    examples: ['get equivocations', 'get equivocations where format = json'],
    run: equivocations,
  }),
];
