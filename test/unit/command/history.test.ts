import { afterEach, expect, test } from 'vitest';
import { CommandNodes } from '../../support/command-node.ts';
import { createAuthor, offerAll } from '../../support/ledger-authors.ts';

const nodes = new CommandNodes();
afterEach(() => nodes.close());

test('of two entries with one number each is void because of the other', async () => {
  const node = await nodes.add();
  const genesis = (await node.ledger.byHash(node.ledger.network ?? ''))!.entry;
  const ann = createAuthor(2, genesis);
  const first = ann.next();
  const pair = ['p', 'q'].map((name) => ann.after(first, { id: name, content: { dbms: 'd', name, create: 'c' } }));
  expect(await offerAll(node.ledger, [first, ...pair])).toEqual(['accept', 'accept', 'accept']);
  for (const [at, { hash, header }] of pair.entries()) {
    const because = pair[1 - at]?.hash;
    const history = await node.run(`blockchain history where id = ${header.id}`);
    expect(history.json).toMatchObject([{ entry: hash, effect: { rule: 'equivocation', by: because } }]);
    expect(history.text).toContain(`|${because}|${hash}|`);
  }
});
