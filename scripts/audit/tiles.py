"""Checks the static files of an archive (src/receipt/tiles/SPEC.md) with Python 3.8's standard library alone:

    python3 scripts/audit/tiles.py DIR [--signatures N]

Of each log: the checkpoint's signature, every tile of every level, the root from the leaves. Of each entry: hashes of header and body, that a leaf
names it, and of every N-th the signature (1: of all; 0: of none; default 97). Exit status 0, or the first fault.
"""
import base64
import sys
import zlib
from pathlib import Path

from basics import Fault, need, parse, sha, tree, verify
from notes import read_note

WIDTH = 256


def path_of(number):
    digits = str(number).zfill(-(-len(str(number)) // 3) * 3)
    parts = [digits[at:at + 3] for at in range(0, len(digits), 3)]
    return '/'.join(['x' + part for part in parts[:-1]] + parts[-1:])


def tile(log, level, index, width):
    """The bytes of a tile: of the whole one where a partial one has gone."""
    whole = log / 'tile' / str(level) / path_of(index)
    part = Path(f'{whole}.p') / str(width)
    return (part if width < WIDTH and part.exists() else whole).read_bytes()


def checkpoint_of(log):
    text, signatures = read_note((log / 'checkpoint').read_bytes())
    origin, size, root, _ = text.split('\n')
    key = origin.split('/')[2]
    own = [data for name, _, data in signatures if name == origin]
    need(len(own) == 1 and verify(key, text.encode(), own[0]), f'{log}: the signature of the checkpoint')
    return int(size), base64.b64decode(root)


def leaves_of(log, size):
    hashes = []
    for index in range(-(-size // WIDTH)):
        width = min(WIDTH, size - index * WIDTH)
        bundle = tile(log, 'entries', index, width)[:width * 34]
        for at in range(0, width * 34, 34):
            need(bundle[at:at + 2] == b'\0\x20' and len(bundle) == width * 34, f'{log}: bundle {index}')
            hashes.append(bundle[at + 2:at + 34])
    return hashes


def check_log(log):
    size, root = checkpoint_of(log)
    entries = leaves_of(log, size)
    hashes, level = [sha(b'\0' + entry) for entry in entries], 0
    need(tree(hashes) == root, f'{log}: the root')
    while hashes:
        for index in range(-(-len(hashes) // WIDTH)):
            part = hashes[index * WIDTH:(index + 1) * WIDTH]
            need(tile(log, level, index, len(part))[:32 * len(part)] == b''.join(part), f'{log}: tile {index} of level {level}')
        hashes = [tree(hashes[at:at + WIDTH]) for at in range(0, len(hashes) - WIDTH + 1, WIDTH)]
        level += 1
    print(f'{log.name}: {size} leaves, their tiles and the signed root agree')
    return set(entries)


def check_entries(folder, every):
    held, bodies, signed, number = set(), 0, 0, 0
    while (folder / path_of(number)).exists():
        for at, line in enumerate((folder / path_of(number)).read_bytes().split(b'\n')):
            if line.strip() == b'':
                continue
            where, (whole, _, crc) = f'{path_of(number)}, line {at + 1}', line.rpartition(b'\t')
            need(crc == b'%08x' % zlib.crc32(whole), f'{where}: its checksum')
            header, signature, body = line.split(b'\t')[:3]
            fields = parse(header)
            if body.strip() != b'':
                need(sha(body).hex() == fields['body'], f'{where}: the body')
                bodies += 1
            if every and (number * WIDTH + at) % every == 0:
                need(verify(fields['author'], header, base64.b64decode(signature)), f'{where}: the signature')
                signed += 1
            need(sha(header) not in held, f'{where}: the entry stands there twice')
            held.add(sha(header))
        number += 1
    print(f'{len(held)} entries, {bodies} with their body; {signed} of {len(held)} signatures checked'
          + ('' if signed == len(held) else ', all with --signatures 1'))
    return held


def main(directory, flag='--signatures', every='97'):
    need(flag == '--signatures' and every.isdigit(), 'usage: tiles.py DIR [--signatures N]')
    need((Path(directory) / 'log').is_dir(), f'{directory}: no log here (yet): see get archives')
    held = check_entries(Path(directory) / 'entries', int(every))
    for log in sorted((Path(directory) / 'log').iterdir()):
        lacking = check_log(log) - held
        need(not lacking, f'{log}: {len(lacking)} entries are not in the files, {min(lacking, default=b"").hex()} among them')


if __name__ == '__main__':
    try:
        need(len(sys.argv) in (2, 4), 'usage: tiles.py DIR [--signatures N]')
        main(*sys.argv[1:])
    except (Fault, OSError, ValueError, TypeError, KeyError) as caught:
        sys.exit(f'{type(caught).__name__}: {caught}')
