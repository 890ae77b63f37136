import fc from 'fast-check';
import { expect, it } from 'vitest';
import { refuseLoneSurrogates } from '../../../src/operator/surrogates.ts';

const refused = (text: string): boolean => {
  try {
    refuseLoneSurrogates(Buffer.from(text));
    return false;
  } catch {
    return true;
  }
};

it('names the line', () => {
  expect(() => refuseLoneSurrogates(Buffer.from('{"a":1}\n{"a":"x\\ud800y"}'))).toThrow(
    expect.objectContaining({
      code: 'INGEST_ROW_VALUE',
      message: expect.stringContaining('line 2: \\ud800') as unknown,
    }),
  );
});

it('refuses exactly what holds half a pair, however it is escaped', () => {
  const piece = fc.constantFrom('\ud83d', '\ude00', '😀', '\\', '\\ud800', 'é', '"', 'x');
  fc.assert(
    fc.property(fc.array(piece), fc.boolean(), (pieces, upper) => {
      const text = pieces.join('');
      const json = JSON.stringify({ a: text }).replace(/[\u0080-\uffff]/g, (unit) => {
        const hex = unit.charCodeAt(0).toString(16).padStart(4, '0');
        return `\\u${upper ? hex.toUpperCase() : hex}`;
      });
      expect(refused(json)).toBe(!text.isWellFormed());
    }),
  );
});
