/** What is wrong, with the entry that it is about. Plain data, so that it can be printed and sent. */
export interface AuditFault {
  /** `form`, `hash`, `body`, `signature`, `network`, `prev`, `parents`, `time`, `log`, `fork`, `version`, `line`. */
  readonly rule: string;
  readonly text: string;
  readonly author: string | undefined;
  readonly seq: number | undefined;
  readonly hash: string | undefined;
}

/** What was checked, by number. */
export interface AuditCounts {
  /** Entries read from disk: size, canonical form, schema, hash of header and of body. */
  readonly entries: number;
  readonly authors: number;
  /** Signatures that hold by themselves; the rest of the entries is `vouched`, void or at fault. */
  readonly signatures: number;
  /** Whose body was erased: of these the header alone. */
  readonly erased: number;
  /** Whose body is archived: of these the header alone. */
  readonly archived: number;
  /** Badly signed, and vouched for by a later entry of the same log. */
  readonly vouched: number;
  /** Links to an author's entry before, and to parents. */
  readonly links: number;
  /** Entries without effect: their author equivocated before. */
  readonly void: number;
  /** Proofs of equivocation. */
  readonly equivocations: number;
  /** Lines that cannot be read any more, whose entries are held again. */
  readonly mended: number;
}

/** The outcome of an audit: how much was checked, how many faults there are, and the first of them. */
export interface AuditReport {
  /** Nothing is wrong. */
  readonly sound: boolean;
  readonly network: string | undefined;
  /** Metadata version of what was checked. */
  readonly version: string;
  readonly checked: AuditCounts;
  readonly faults: number;
  readonly first: AuditFault | undefined;
}
