/** Optimal string alignment distance: insertions, deletions, changes and swaps of neighbours. Gives up above `most`. */
export const editDistance = (a: string, b: string, most: number): number => {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1];
      const cell = (from: readonly number[], at: number): number => from[at] ?? Number.POSITIVE_INFINITY;
      let best = Math.min(cell(row, j) + 1, cell(next, j - 1) + 1, cell(row, j - 1) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        best = Math.min(best, cell(before, j - 2) + 1);
      next.push(best);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? most + 1;
};

const SUGGESTIONS_MAX = 3;

/** The closest of `known` to what was typed, best first, at most three; empty where nothing is close. */
export const closest = (typed: string, known: Iterable<string>): readonly string[] => {
  const lower = typed.toLowerCase();
  const most = Math.max(1, Math.min(6, Math.floor(lower.length / 3)));
  const near: { readonly text: string; readonly distance: number }[] = [];
  for (const text of known) {
    const distance = editDistance(lower, text.toLowerCase(), most);
    if (distance <= most) near.push({ text, distance });
  }
  return near
    .sort((a, b) => a.distance - b.distance || (a.text < b.text ? -1 : 1))
    .slice(0, SUGGESTIONS_MAX)
    .map(({ text }) => text);
};

/** `Maybe: a, b` or, where nothing is close, `otherwise`. */
export const maybe = (typed: string, known: Iterable<string>, otherwise: string): string => {
  const near = closest(typed, known);
  return near.length === 0 ? otherwise : `Maybe: ${near.join(', ')}`;
};
