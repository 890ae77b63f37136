import { defineConfig } from 'vitest/config';

const MOCKED = 'test/**/*.mocked.test.ts';
const LONG = ['e2e', 'network', 'property', 'simulation'].map((folder) => `test/${folder}/**/*.test.ts`);

/**
 * The files of one process share its modules: loading them anew for each took half of the time of the short ones. What
 * a file replaces for itself (`vi.mock`) would be seen by the others; such a file is named so and has a process of its
 * own, which test/architecture.test.ts holds. Projects are begun by name: the long files first, the short fill the end.
 */
export default defineConfig({
  test: {
    testTimeout: 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // One more than the cores that CI has: tests of real processes mostly wait.
    maxWorkers: 3,
    restoreMocks: true,
    unstubEnvs: true,
    projects: [
      { extends: true, test: { name: 'long', include: LONG, exclude: [MOCKED], isolate: false } },
      { extends: true, test: { name: 'mocked', include: [MOCKED] } },
      {
        extends: true,
        test: { name: 'short', include: ['test/**/*.test.ts'], exclude: [MOCKED, ...LONG], isolate: false },
      },
    ],
  },
});
