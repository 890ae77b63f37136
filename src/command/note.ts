/** What is to be known about an answer that is otherwise as ever. */
export interface Note {
  /** In the form of the codes of errors. */
  readonly code: string;
  readonly text: string;
}

/** How many entries the policies lack. */
export const missingText = (bodies: number): string =>
  `what ${bodies} of the entries say is missing here, though nobody erased it by right: the policies follow from the others`;

/** What is to be known about each answer that rests on these policies. */
export const noteOn = ({ missingBodies }: { readonly missingBodies: number }): Note | undefined =>
  missingBodies === 0
    ? undefined
    : { code: 'ENTRY_BODY_MISSING', text: `${missingText(missingBodies)}; they are asked for, see get status` };

/**
 * The notes of several nodes as one: under the code of the first, each with its address where more than one answered.
 */
export const mergedNotes = (
  notes: readonly { readonly address: string; readonly note: Note | undefined }[],
): Note | undefined => {
  const texts: string[] = [];
  let code: string | undefined;
  for (const { address, note } of notes) {
    if (note === undefined) continue;
    code ??= note.code;
    texts.push(notes.length === 1 ? note.text : `${address}: ${note.text}`);
  }
  return code === undefined ? undefined : { code, text: texts.join('; ') };
};
