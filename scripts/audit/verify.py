#!/usr/bin/env python3
"""Checks audit bundles of Holdfast without Holdfast, with nothing but Python's standard library: a second reading of src/bundle/SPEC.md (B),
src/entry/SPEC.md (E, L) and of the pages that fold.py and authority.py name. It shares no code with the first.

    verify.py [--root KEY] [--no-signatures] FILE.tar ...

One line a file: its name, a tab, and "sound" with the root of the state, or "fault" with the first one. The status is 0 where all are sound.
--root KEY: the key that must be a root of the network, 64 hex digits; without it the roots are whoever the file says.
Left to others: the archive's own form, key files, what policy.txt says and how many entries of a stated time are shown by nobody else (B, 5) to
openssl and holdfast, proofs of single entries (B4) to proofs.go.
--no-signatures leaves the signatures of entries to openssl, as HOWTO.txt has it: one takes some milliseconds here."""
import base64
import re
import sys
import tarfile
from types import SimpleNamespace

from authority import Authority
from basics import HASH, NAME, NULL, Fault, ascending, dump, either, fits, listed, need, one_of, parse, sha, text, tree, verify, whole
from erasures import ERASABLE, erase
from moments import forks_of
from notes import cosigners, key_id, read_note
from state import counting, state_of

HEADER = fits({
    'v': one_of(1), 'net': either(HASH, one_of('')), 'author': HASH, 'seq': whole(1), 'prev': either(NULL, HASH), 'parents': ascending(0),
    'time': whole(0), 'cap': either(NULL, HASH), 'type': either(NULL, NAME), 'id': either(NULL, NAME), 'body': HASH,
    'op': lambda v: isinstance(v, str) and re.fullmatch('[a-z][a-z0-9-]{0,31}', v), 'replaces': either(NULL, HASH, ascending(2)),
})
BODY = fits({'content': lambda v: isinstance(v, dict), 'salt': lambda v: isinstance(v, str) and re.fullmatch('[0-9a-f]{32}', v)})
GENESIS = fits({'v': one_of(1), 'name': text(128), 'admission': one_of('open', 'invite'), 'roots': listed(1, 16, HASH)})
QUESTION = fits({
    'v': one_of(1), 'network': HASH, 'by': HASH, 'made': whole(0), 'id': either(NULL, lambda v: isinstance(v, str)),
    'moment': either(fits({'time': whole(0)}), fits({'time': whole(0), 'node': HASH}), fits({'frontier': lambda v: listed(0, 3900, HASH)(v) and v == sorted(set(v))})),
})
OTHERS = r'query\.json|state\.json|HOWTO\.txt|MANIFEST(\.sig)?|policy\.txt|(known/)?(receipts|checkpoint)|keys/[0-9a-f]{64}\.pem|proofs/[0-9a-f]{64}\.tlog-proof'


def read_archive(path):
    """The files by their names, in the order of the archive."""
    try:
        archive = tarfile.open(path, 'r:')
    except (tarfile.TarError, IsADirectoryError):
        raise Fault('this is no tar bundle') from None
    with archive:
        members = archive.getmembers()
        need(len({member.name for member in members}) == len(members), 'a file is there twice')
        return {member.name: need(member.isfile() and archive.extractfile(member), 'no plain file').read() for member in members}


def check_manifest(files, by):
    lines = [f'{sha(data).hex()}  {name}\n' for name, data in files.items() if not name.startswith('MANIFEST')]
    need(''.join(lines).encode() == files['MANIFEST'], 'MANIFEST does not name each file with its hash')
    need(verify(by, files['MANIFEST'], files['MANIFEST.sig']), 'MANIFEST.sig does not hold')


def read_entries(files):
    """E1 to E6: each entry alone, and that its files have the right names."""
    facts = []
    for name in files:
        if not re.fullmatch(r'entries/\d+\.[0-9a-f]{64}(-\d+)?\.json', name):
            continue
        header, signature, body = files[name], files[name[:-4] + 'sig'], files.get(name[:-4] + 'body', b'')
        bare = name[:-4] + 'body' not in files
        need(len(header) <= 8192 and len(body) <= 65536 and len(signature) == 64, f'{name}: sizes')
        fields, content = parse(header), {'content': {}} if bare else parse(body)
        need(HEADER(fields), f'{name}: no entry')
        need(fields['op'] in ERASABLE if bare else BODY(content) and fields['body'] == sha(body).hex(), f'{name}: no body of it')
        f = SimpleNamespace(**fields, hash=sha(header).hex(), content=content['content'], bare=bare, erased=None, eraser=None, raw=header, signature=signature, name=name)
        need((f.op == 'genesis') == (f.net == '') and (f.prev is None) == (f.seq == 1), f'{name}: net or prev')
        need(f.cap is not None if f.op != 'genesis' else (f.seq, f.parents, f.cap, f.type, f.id, f.replaces) == (1, [], None, None, None, None), name)
        f.order = (f.time, f.author, f.seq)
        facts.append(f)
    ranks = {}
    need(len({f.hash for f in facts}) == len(facts), 'an entry is there twice')
    for f in sorted(facts, key=lambda f: f.hash):
        rank = ranks[f.seq, f.author] = ranks.get((f.seq, f.author), 0) + 1
        need(f.name == f'entries/{f.seq}.{f.author}{f"-{rank}" if rank > 1 else ""}.json', f'{f.name}: another name')
    names = {f.name for f in facts}
    for name in files:
        need(re.fullmatch(OTHERS, name) or re.sub(r'\.(sig|body)$', '.json', name) in names, f'{name}: a bundle has no such file')
    return facts


def check_links(facts, network):
    """L1 to L5: what each entry builds on."""
    by_hash, forks = {f.hash: f for f in facts}, forks_of(facts)
    for f in facts:
        need((f.hash if f.op == 'genesis' else f.net) == network, f'{f.name}: another network')
        if f.seq >= forks.get(f.author, f.seq + 1):
            continue
        for link in f.parents + ([f.prev] if f.prev else []):
            before = by_hash.get(link)
            need(before and before.time < f.time, f'{f.name}: {link} is missing, or not earlier')
            need((before.author == f.author) == (link == f.prev), f'{f.name}: {link} is of the wrong author')
            need(link != f.prev or before.seq == f.seq - 1, f'{f.name}: {link} is not the entry before')


def check_signatures(facts):
    """E7: an entry is signed, or vouched for by one that is signed and names it, over any number of steps."""
    by_hash = {f.hash: f for f in facts}
    good = {f.hash for f in facts if verify(f.author, f.raw, f.signature)}
    for f in [f for f in facts if f.hash in good]:
        while f.prev in by_hash and by_hash[f.prev].author == f.author and f.prev not in good:
            good.add(f.prev)
            f = by_hash[f.prev]
    for f in facts:
        need(f.hash in good, f'{f.name}: its signature does not hold')


def check_log(files, facts, where, expected):
    """B1 to B3: the node has signed for the entries of a list, and all of them are here. The list, and who cosigned that when."""
    signed, signatures = read_note(files[where + 'checkpoint'])
    origin, size, root, *rest = signed.split('\n')
    network, node, _ = re.fullmatch(r'holdfast/([0-9a-f]{64})/([0-9a-f]{64})/([0-9a-f]{16})', origin).groups()
    need((network, node, rest) == (*expected, ['']), 'the checkpoint is another one')
    own = (origin, key_id(origin, 1, node))
    need([at for at, each in enumerate(signatures) if each[:2] == own] == [0], 'the checkpoint is not signed by its node, first and once')
    need(verify(node, signed.encode(), signatures[0][2]), 'the signature of the checkpoint does not hold')
    hashes = files[where + 'receipts'].decode().split('\n')
    need(hashes.pop() == '', 'the receipts are no list of lines')
    need(len(set(hashes)) == len(hashes), 'the receipts name an entry twice')
    leaves = [sha(b'\0' + bytes.fromhex(hash)) for hash in hashes]
    need((str(len(leaves)), base64.b64encode(tree(leaves)).decode()) == (size, root), 'the receipts are not those of the checkpoint')
    need(set(hashes) <= {f.hash for f in facts}, 'the node had an entry that is not in the bundle')
    return hashes, cosigners(signed, network, signatures)


def check_known(files, facts, question, genesis):
    """K1 to K3: the moment, with the entries that the node had by then."""
    moment = question['moment']
    need(('known/receipts' in files) == ('node' in moment), 'what a node knew was asked and is not there, or there and not asked')
    if 'node' not in moment:
        return moment
    entries, witnesses = check_log(files, facts, 'known/', (question['network'], moment['node']))
    nodes = counting(facts, genesis, moment['node'], {'entries': entries}, witnesses)
    need(any(key in nodes and time * 1_000_000 <= moment['time'] for key, time in witnesses.items()), 'no node whose word counts has cosigned that by then')
    return {'entries': entries}


def check_bundle(path, with_signatures, root):
    """The root of the state; raises for what is wrong."""
    files = read_archive(path)
    question = parse(files['query.json'])
    need(QUESTION(question), 'query.json is no question')
    check_manifest(files, question['by'])
    facts = read_entries(files)
    genesis = next((f for f in facts if f.hash == question['network'] and f.op == 'genesis'), None)
    need(genesis and GENESIS(genesis.content), 'the first entry of the network is not there')
    roots = genesis.content['roots']
    need(root is None or root.lower() in roots, f'{root} is no root of this network; its roots: {", ".join(roots)}')
    check_links(facts, genesis.hash)
    erase(facts, Authority(facts, genesis, forks_of(facts)))
    need(all(f.erased is not None for f in facts if f.bare), 'a body is missing, and no entry erased it by right')
    if with_signatures:
        check_signatures(facts)
    state = parse(files['state.json'])
    computed = state_of(facts, {**question, 'moment': check_known(files, facts, question, genesis)}, genesis)
    for name in computed:
        need(dump(computed[name]) == dump(state.get(name)), f'state.json: {name} is not what follows from the entries')
    need(set(state) == set(computed), 'state.json says more than follows')
    about = {'receipts', 'checkpoint', 'policy.txt'} & set(files)
    need(len(about) == 3 or not about and not any(name.startswith('proofs/') for name in files), 'some files about receipts are missing')
    if about:
        check_log(files, facts, '', (question['network'], question['by']))
    return computed['root']


def main(arguments):
    paths, root = [each for each in arguments if each != '--no-signatures'], None
    if '--root' in paths:
        at = paths.index('--root')
        root, paths = ''.join(paths[at + 1:at + 2]), paths[:at] + paths[at + 2:]
    status = 2 if not paths or root == '' else 0
    if status:
        print('usage: verify.py [--root KEY] [--no-signatures] FILE.tar ...', file=sys.stderr)
    for path in [] if status else paths:
        try:
            print(f"{path}\tsound\t{check_bundle(path, '--no-signatures' not in arguments, root)}")
        except (Fault, ValueError, KeyError, AttributeError, OSError, RecursionError, tarfile.TarError) as wrong:
            print(f'{path}\tfault\t{type(wrong).__name__}: {wrong}')
            status = 1
    return status


if __name__ == '__main__':
    sys.setrecursionlimit(5000)  # a key may have been rotated 160 times, and verdicts ask upwards
    sys.exit(main(sys.argv[1:]))
