/** `$NAME` in the command language, and HOLDFAST_NODE of the command line: the environment beside the configuration. */
export const environmentVariable = (name: string): string | undefined => process.env[name];
