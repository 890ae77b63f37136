import { inSlices } from '../../base/slices.ts';
import { frontierOf } from '../../policy/closure.ts';
import { frontierText } from '../../policy/moment.ts';
import { authorNames } from '../../policy/signed.ts';
import type { OptionTable } from '../options.ts';
import { define, type Call } from '../define.ts';
import type { Command } from '../registry.ts';
import { says, type Reply } from '../reply.ts';

const frontier = async ({ context, signal }: Call<OptionTable>): Promise<Reply> => {
  const { policies } = context;
  await policies.caughtUp();
  const facts = policies.chronicle.facts();
  const heads = await inSlices(frontierOf(facts), signal);
  const names = authorNames(policies.book);
  const wanted = new Set(heads);
  const named = facts.filter(({ hash }) => wanted.has(hash));
  const text = frontierText(heads);
  return says(text, {
    frontier: text,
    entries: facts.length,
    heads: named.map(({ hash, author, seq }) => ({ entry: hash, author, authorName: names.get(author), seq })),
  });
};

/** The present, to come back to. */
export const frontierCommands = (): readonly Command[] => [
  define({
    patterns: ['get frontier', 'blockchain get frontier'],
    method: 'GET',
    explanation:
      'prints the present frontier of the ledger: with it, as of gives these policies on every node, for ever',
    examples: ['get frontier', 'now = get frontier'],
    run: frontier,
  }),
];
