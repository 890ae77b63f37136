import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';

const pages = globSync('{*.md,{src,test,scripts,fixtures}/**/*.md}');

/** What a heading of a page is linked by. */
const anchorsOf = (page: string): readonly string[] =>
  [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );

const isThere = (page: string, target: string): boolean => {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? page : join(dirname(page), path);
  return existsSync(file) && (anchor === undefined || anchorsOf(file).includes(anchor));
};

describe('the pages', () => {
  test.each(pages)('%s links to what is there', (page) => {
    const targets = [...readFileSync(page, 'utf8').matchAll(/\]\(([^()\s]+)\)/g)].map(([, target = '']) => target);
    const inside = targets.filter((target) => !/^[a-z]+:/.test(target));
    expect(inside.filter((target) => !isThere(page, target))).toEqual([]);
  });

  test('a link to a page or a heading that is not there would be found', () => {
    expect(isThere('README.md', 'src/node/DESIGN.md')).toBe(true);
    expect(isThere('README.md', 'src/policy/DESIGN.md#members')).toBe(true);
    expect(isThere('README.md', 'src/node/NOTHING.md')).toBe(false);
    expect(isThere('README.md', 'src/policy/DESIGN.md#nothing')).toBe(false);
  });
});
