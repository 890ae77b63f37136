import { keyFile, KNOWN_CHECKPOINT, KNOWN_RECEIPTS } from './names.ts';
import type { Question } from './question.ts';

const cosignatureLoop = (checkpoint: string): string =>
  `sed -n '6,$p' ${checkpoint} | while read -r dash name line; do k=keys/\${name##*/}.pem; [ -f $k ] || continue; echo "$line" | base64 -d > cosigned; t=$(od -An -tu8 --endian=big -j4 -N8 cosigned | tr -d ' '); tail -c 64 cosigned > signature; { printf 'cosignature/v1\\ntime %s\\n' $t; cat text; } > timed; echo "$k"; openssl pkeyutl -verify -pubin -inkey $k -rawin -in timed -sigfile signature; date -u -d @$t; done`;

const receiptSteps = (
  by: string,
): string => `7. What the node had, and when. "receipts" lists the entries that it had taken up when it signed "checkpoint", in the order in which they
   came. This prints those that it had and that are not in this bundle; there must be none. ("hashes" is from step 5.)

sort receipts | comm -23 - hashes

   The checkpoint (origin, number of entries, root of their RFC 6962 tree) is signed by the node. It says "Signature Verified Successfully".

head -3 checkpoint > text; sed -n 5p checkpoint | cut -d' ' -f3 | base64 -d | tail -c 64 > signature
openssl pkeyutl -verify -pubin -inkey keys/${by}.pem -rawin -in text -sigfile signature

8. Whose word it is. Other nodes of the network have signed the checkpoint with their time: the node had all these entries by then. This prints each of them
   that is registered in the network, what openssl says, and the time. Believe one of them, and the node can neither take an entry of this list back nor
   slip one in before that time. "policy.txt" names them as a C2SP tlog-policy; take out whom you do not believe.

${cosignatureLoop('checkpoint')}

   proofs/ENTRY.tlog-proof (C2SP tlog-proof) holds the first such checkpoint that covers one entry that the answer comes from: the node had it by
   that time. It proves this without the rest of the bundle. That "receipts" and these proofs lead to the root of the checkpoint is checked with Go's own
   golang.org/x/mod/sumdb (Debian: golang-go, golang-golang-x-mod-dev) by a small program that is with Holdfast's source; DIR is this directory:

GO111MODULE=off GOPATH=/usr/share/gocode go run scripts/audit/proofs.go DIR
`;

const knownStep = (node: string): string => `
   What was asked is what the node with the key ${node}
   knew at a time (query.json, microseconds since 1970). "${KNOWN_RECEIPTS}" lists what it had, "${KNOWN_CHECKPOINT}" is its signed checkpoint of that.
   The first prints what it had and is not in this bundle (nothing), the second whether it signed, the third by whose word it had that, and since when: one
   of these times is not after the time that was asked for. A later checkpoint up to that time could be left out by who exports: it had at least this.

sort ${KNOWN_RECEIPTS} | comm -23 - hashes

head -3 ${KNOWN_CHECKPOINT} > text; sed -n 5p ${KNOWN_CHECKPOINT} | cut -d' ' -f3 | base64 -d | tail -c 64 > signature
openssl pkeyutl -verify -pubin -inkey ${keyFile(node)} -rawin -in text -sigfile signature

${cosignatureLoop(KNOWN_CHECKPOINT)}
`;

const NO_RECEIPTS = `7. What the node had, and when: it had signed no checkpoint when it made this bundle, or left it out.

8. So nothing here shows when it had these entries, nor that it left none out.
`;

const STATED = `
   What was asked is what entries state up to a time (query.json, microseconds since 1970). Each author states its times itself: one that had not written
   for long could date an entry back. What step 8 shows by that time was there by then; of anything else that is its author's word.
`;

/** `HOWTO.txt`: how to check a bundle with ordinary tools, in plain words. */
export const howTo = ({ by, moment, network }: Question, hasReceipts: boolean): string => `HOW TO CHECK THIS BUNDLE

It holds the policy ledger of one network, as one node held it, and the answer to one question. Nothing in it has to be
believed: every step below is done with tools that others wrote (a shell, sha256sum, openssl 3). Unpack it into an empty
directory and stay there.

1. No file was changed since the export. Every line must end with OK.

sha256sum -c MANIFEST

2. Each file in keys/ holds the Ed25519 key that is its name, and nothing else. This prints those that do not; there must be none.

for k in keys/*; do n=\${k##*/}; openssl pkey -pubin -in "$k" -outform DER 2> /dev/null | od -An -v -tx1 | tr -d ' \\n' | grep -qx "302a300506032b6570032100\${n%.pem}" || echo "$k"; done

   The node with the key ${by}
   made the export. It says "Signature Verified Successfully".

openssl pkeyutl -verify -pubin -inkey ${keyFile(by)} -rawin -in MANIFEST -sigfile MANIFEST.sig

3. Each entry was signed by the author in its name. entries/SEQ.AUTHOR.json is the signed header, .sig the signature,
   .body the content. This prints the entries whose header names another author or number; there must be none.

for e in entries/*.json; do n=\${e#entries/}; s=\${n%%.*}; a=\${n#*.}; a=\${a%.json}; grep -q "^{\\"author\\":\\"\${a%-*}\\",.*\\"seq\\":$s,\\"" "$e" || echo "$e"; done

   This prints the entries whose own signature does not hold; there should be none. (One that is printed still
   counts where a later entry of its author names it in "prev" and is signed well.)

for e in entries/*.json; do n=\${e%.json}; a=\${n#*.}; a=\${a%-*}; openssl pkeyutl -verify -pubin -inkey keys/$a.pem -rawin -in $e -sigfile $n.sig > /dev/null 2>&1 || echo "$e"; done

4. Each content is the one that its header names. This prints the entries where it is not; there must be none. (An entry without
   .body was erased: an entry of the kind "erase" names its hash in "entry" and says why.)

for e in entries/*.json; do [ -e "\${e%.json}.body" ] || continue; h=$(sha256sum < "\${e%.json}.body" | cut -c1-64); grep -q "\\"body\\":\\"$h\\"" "$e" || echo "$e"; done

5. Each author's entries are a chain: "prev" is the hash of the entry before. This prints the entries where it is not; there must be
   none. (Where two files have one number, AUTHOR and AUTHOR-2, their author signed two entries with it: both are the proof, and
   this author's entries count for nothing from there on.)

for e in entries/*.json; do sha256sum < "$e" | cut -c1-64; done | sort > hashes
find entries -name '*.json' -exec grep -oh '"prev":"[0-9a-f]*"' {} + | cut -c9-72 | sort -u | comm -23 - hashes

6. Whom it all comes from: the network is named by the hash of its first entry, ${network},
   and "roots" in that entry's body are the keys that may let others in. Compare them with what you were told by another way. This prints
   that hash, and the first entry's file.

find entries -name '1.*.json' -exec grep -l '"op":"genesis"' {} + | xargs sha256sum

${hasReceipts ? receiptSteps(by) : NO_RECEIPTS}${moment.kind === 'time' ? STATED : ''}${moment.kind === 'known' ? knownStep(moment.node) : ''}
9. What follows from the entries, state.json, is the answer to query.json: the policies in force with the entries that gave them ("insert",
   "entry", "attributes"), and the entries that have no effect ("void"). Holdfast computes it again, with everything above:

holdfast audit verify FILE.tar --root KEY

   A second program does the same from the written rules, and needs Python 3 alone. It is with Holdfast's source:

python3 scripts/audit/verify.py --root KEY FILE.tar
`;
