import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, isAbsolute, relative, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { asFault, fault, textOf, type HoldfastError } from '../../base/errors.ts';
import { SCRIPT_BYTES_MAX } from '../../base/limits.ts';
import { inSlices } from '../../base/slices.ts';
import { readProgram, type Program } from '../grammar/program.ts';
import { splitScript } from '../grammar/script.ts';
import { typedForm } from '../grammar/values.ts';
import type { Surroundings } from '../registry.ts';
import { atLine } from './place.ts';

/** A script that is ready to run. */
export interface Script {
  /** As the user named it. */
  readonly name: string;
  /** The file, or the policy. */
  readonly path: string;
  readonly program: Program;
}

/** Over REST only scripts that were put where scripts are, or the start script: any other file is the node's user's. */
const scriptPath = ({ context, session }: Surroundings, name: string): string => {
  const { directories, script } = context.facts;
  const path = resolve(directories.scripts, name);
  const inside = relative(directories.scripts, path);
  const isOurs = inside !== '' && inside !== '..' && !inside.startsWith(`..${sep}`) && !isAbsolute(inside);
  if (session.caller === 'local' || isOurs || path === script) return path;
  throw fault('COMMAND_SCRIPT_REFUSED', `the script ${path} is not in ${directories.scripts}`, {
    hint: `copy it there, then: process ${typedForm(basename(path))}; by REST, so from a shell on its own machine too, a node runs no other files but its start script (--script FILE)`,
  });
};

const oversize = (bytes: number): HoldfastError =>
  fault('COMMAND_SCRIPT_OVERSIZE', `script of ${bytes} bytes or more; at most ${SCRIPT_BYTES_MAX}`);

/** Only from a regular file, and never more than `SCRIPT_BYTES_MAX`. */
const readScript = async (path: string): Promise<string> => {
  try {
    const about = await stat(path);
    // A pipe would never end, a device never stop.
    if (!about.isFile()) throw new Error('it is not a regular file');
    if (about.size > SCRIPT_BYTES_MAX) throw oversize(about.size);
    // One byte more than allowed shows a file that grows, or whose size the system does not tell.
    const content = await buffer(createReadStream(path, { end: SCRIPT_BYTES_MAX }));
    if (content.length > SCRIPT_BYTES_MAX) throw oversize(content.length);
    return content.toString('utf8');
  } catch (caught) {
    if (asFault(caught).code === 'COMMAND_SCRIPT_OVERSIZE') throw caught;
    throw fault('COMMAND_SCRIPT_MISSING', `the script ${path} cannot be read: ${textOf(caught)}`, {
      hint: 'a name without a directory is looked for in !local_scripts of the node, wherever the shell runs',
    });
  }
};

const readFlow = async (
  content: string,
  name: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Program> => {
  try {
    return await inSlices(readProgram(await inSlices(splitScript(content), signal)), signal);
  } catch (caught) {
    const failure = asFault(caught);
    const { line } = failure.data;
    throw typeof line === 'number' ? atLine(failure, name, { script: path, line, done: 0, printed: [] }) : failure;
  }
};

/**
 * The script in a file. `COMMAND_SCRIPT_REFUSED`, `COMMAND_SCRIPT_MISSING`, `COMMAND_SCRIPT_OVERSIZE`,
 * `COMMAND_SYNTAX`.
 */
export const scriptAt = async (surroundings: Surroundings, name: string): Promise<Script> => {
  const path = scriptPath(surroundings, name);
  return { name, path, program: await readFlow(await readScript(path), name, path, surroundings.signal) };
};

/** The attribute `script` of a config policy, a command each. `POLICY_UNKNOWN`, `COMMAND_VALUE`, `COMMAND_SYNTAX`. */
export const policyScript = async ({ context, signal }: Surroundings, id: string): Promise<Script> => {
  const policy = context.policies.book.get(id);
  if (policy === undefined)
    throw fault('POLICY_UNKNOWN', `there is no policy ${id}`, {
      hint: 'see the config policies: blockchain get config',
    });
  const lines = policy.value['script'];
  if (!Array.isArray(lines) || !lines.every((line): line is string => typeof line === 'string'))
    throw fault('COMMAND_VALUE', `the ${policy.type} policy ${id} has no script`, {
      hint: 'its attribute script is a list of commands',
    });
  const name = `policy ${id}`;
  return { name, path: name, program: await readFlow(lines.join('\n'), name, id, signal) };
};
