"""C2SP signed-note and tlog-cosignature as src/receipt/SPEC.md 2 has them: checkpoints, and who cosigned them. Python 3.8, nothing else."""
import base64
import re

from basics import need, sha, verify

LINE = '\u2014 ([^\\s\ufeff+]+) (\\S+)'


def read_note(data):
    """The text, and the signatures: name of the key, its id, what follows. Nothing is said of whether they hold."""
    note = data.decode()
    need(len(data) <= 16384 and note.endswith('\n') and not re.search('[\0-\t\x0b-\x1f]', note), 'no signed note')
    text, blank, rest = note.rpartition('\n\n')
    lines = rest.split('\n')[:-1]
    need(blank and 0 < len(lines) <= 32, 'no signed note: the signatures')
    return text + '\n', [read_line(line) for line in lines]


def read_line(line):
    name, encoded = need(re.fullmatch(LINE, line), 'a signature line is not as it must be').groups()
    data = base64.b64decode(encoded)
    need(base64.b64encode(data).decode() == encoded and len(data) > 4, 'a signature line is not as it must be')
    return name, data[:4], data[4:]


def key_id(name, kind, key):
    return sha(f'{name}\n'.encode() + bytes([kind]) + bytes.fromhex(key))[:4]


def cosigners(text, network, signatures):
    """Each witness of the network, and when it says to have cosigned, in seconds. Keys of others are left alone; one that is known, by its name and id, must hold."""
    found = {}
    for name, its_id, data in signatures:
        witness = re.fullmatch(f'holdfast/{network}/([0-9a-f]{{64}})', name)
        if not witness or its_id != key_id(name, 4, witness[1]):
            continue
        key, time = witness[1], int.from_bytes(data[:8], 'big')
        holds = time < 2**53 and verify(key, f'cosignature/v1\ntime {time}\n{text}'.encode(), data[8:])
        need(holds, f'the cosignature of {key} does not hold')
        need(key not in found, 'a witness stands in a checkpoint twice')
        found[key] = time
    return found
