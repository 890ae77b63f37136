"""What every check of Holdfast's formats rests on: canonical JSON, Ed25519, RFC 6962 trees, and tests of what values look like. Python 3.8, nothing else."""
import hashlib
import json
import math
import re
from decimal import Decimal


class Fault(ValueError):
    """What is wrong with a bundle, or with one value."""


def need(holds, what):
    if not holds:
        raise Fault(what)
    return holds


# Canonical JSON (RFC 8785). A number with a fraction or an exponent stays the text that it was.


class Number:
    def __init__(self, text):
        self.text = need(text == as_written(text) and text, 'a number that is not canonical')


def as_written(text):
    """The number as RFC 8785 (ECMAScript) writes it: the shortest digits that give the same double."""
    value = float(text)
    need(math.isfinite(value), 'a number that is too large')
    sign, parts, exponent = Decimal(repr(value)).as_tuple()
    digits = ''.join(map(str, parts)).lstrip('0')
    point, digits = len(digits) + exponent, digits.rstrip('0')
    if not digits:
        return '0'
    if 0 < point <= 21:
        whole_part, rest = digits[:point].ljust(point, '0'), digits[point:]
        written = whole_part + ('.' + rest if rest else '')
    elif -6 < point <= 0:
        written = '0.' + '0' * -point + digits
    else:
        written = digits[0] + ('.' + digits[1:] if digits[1:] else '') + f'e{point - 1:+d}'
    return '-' * sign + written


def depth(value):
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth, inner), default=0)


def parse(data):
    value = json.loads(data.decode(), parse_float=Number, parse_int=lambda text: int(Number(text).text),
                       parse_constant=lambda name: need(False, name))
    need(dump(value).encode() == data, 'JSON that is not canonical')
    need(depth(value) <= 32, 'JSON that is nested too deep')
    return value


def units(text):
    """UTF-16 code units: what names are ordered and measured by."""
    return text.encode('utf-16-be', 'surrogatepass')


def dump(value):
    if isinstance(value, dict):
        return '{' + ','.join(f'{dump(name)}:{dump(value[name])}' for name in sorted(value, key=units)) + '}'
    if isinstance(value, list):
        return '[' + ','.join(map(dump, value)) + ']'
    return value.text if isinstance(value, Number) else json.dumps(value, ensure_ascii=False)


# Hashes and trees.


def sha(data):
    return hashlib.sha256(data).digest()


def tree(leaves):
    """RFC 6962, 2.1, over hashes of leaves."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha(b'')
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b'\1' + tree(leaves[:split]) + tree(leaves[split:]))


# Ed25519 (RFC 8032), checked as OpenSSL does. Keys of small order and unreduced ones verify nothing. Points: x, y, z, t (extended coordinates).
P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D, ROOT = -121665 * pow(121666, P - 2, P) % P, pow(2, (P - 1) // 4, P)


def add(a, b):
    u, v = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    w, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    return (v - u) * (z - w) % P, (z + w) * (v + u) % P, (z - w) * (z + w) % P, (v - u) * (v + u) % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point, scalar = add(point, point), scalar >> 1
    return total


def point_of(data):
    y, sign = int.from_bytes(data, 'little') % 2**255, data[31] >> 7
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT % P
    if y >= P or x * x % P != square:
        return None
    x = x if x % 2 == sign else P - x
    return x, y, 1, x * y % P


BASE = point_of((4 * pow(5, P - 2, P) % P).to_bytes(32, 'little'))


def verify(key, message, signature):
    raw = bytes.fromhex(key)
    point, scalar = point_of(raw), int.from_bytes(signature[32:], 'little')
    if point is None or len(signature) != 64 or scalar >= ORDER or times(8, point)[0] == 0:
        return False
    digest = int.from_bytes(hashlib.sha512(signature[:32] + raw + message).digest(), 'little') % ORDER
    x, y, z, _ = add(times(scalar, BASE), times(digest, (P - point[0], *point[1:3], P - point[3])))
    inverse = pow(z, P - 2, P)
    return (y * inverse % P | (x * inverse % P & 1) << 255).to_bytes(32, 'little') == signature[:32]


# Tests of values.


def whole(low):
    return lambda v: type(v) is int and low <= v < 2**53


def hexes(digits):
    return lambda v: isinstance(v, str) and re.fullmatch('[0-9a-f]{%d}' % digits, v) is not None


def text(most):
    return lambda v: isinstance(v, str) and 0 < len(units(v)) // 2 <= most and not re.search('[\0-\x1f\x7f]', v)


def listed(low, most, test):
    return lambda v: isinstance(v, list) and low <= len(v) <= most and all(map(test, v))


def once(low, most, test):
    return lambda v: listed(low, most, test)(v) and len(set(v)) == len(v)


def ascending(low):
    return lambda v: once(low, 16, HASH)(v) and v == sorted(v)


def one_of(*values):
    return lambda v: any(type(v) is type(value) and v == value for value in values)


def either(*tests):
    return lambda v: any(test(v) for test in tests)


def fits(must, may={}):
    """An object with all of `must`, some of `may`, and nothing else."""
    tests = {**must, **may}
    return lambda v: isinstance(v, dict) and set(must) <= set(v) <= set(tests) and all(tests[name](v[name]) for name in v)


HASH, NAME, NULL = hexes(64), text(256), one_of(None)
NODES = ('master', 'node', 'operator', 'publisher', 'query')
