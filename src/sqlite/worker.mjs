// Plain JavaScript, so that it runs before any types must be stripped: a thread does not inherit the compile cache, and
// a type stripper of its own takes 20 MB that it never gives back.
import module from 'node:module';

module.enableCompileCache?.();
await import('./worker.ts');
