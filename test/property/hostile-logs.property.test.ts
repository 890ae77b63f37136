import fc from 'fast-check';
import { describe, test } from 'vitest';
import { hostileScripts } from '../support/hostile-logs.ts';
import { meet } from '../support/hostile-meeting.ts';

const numRuns = Number(process.env['HOLDFAST_PROPERTY_RUNS'] ?? 120);

describe('whatever hostile authors sign, and in whatever order it comes', () => {
  test('two nodes that meet end with the same, blame nobody, and each takes what the other writes', async () => {
    await fc.assert(fc.asyncProperty(hostileScripts, fc.constantFrom(1, 1, 1, 12), fc.nat(), meet), {
      numRuns,
      endOnFailure: true,
    });
  });
});
