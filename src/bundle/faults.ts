import { fault, type HoldfastError } from '../base/errors.ts';

/** What is wrong with a bundle, thrown to end the check: `BUNDLE_FAULT` with the file and the rule. */
export const bundleFault = (file: string, rule: string, text: string): HoldfastError =>
  fault('BUNDLE_FAULT', text, { data: { file, rule } });
