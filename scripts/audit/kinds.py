"""What policies look like and what they claim: src/policy/FOLD.md, K and C, read a second time."""
import re
import unicodedata

from basics import HASH, NODES, need, text, units, whole

# K: kinds of policies, and the normal form of their values.


def string(v):
    need(isinstance(v, str), 'no text')
    return v


def some(v):
    return need(string(v), 'an empty text')


def number(digits, high):
    def read(v):
        v = int(v) if isinstance(v, str) and re.fullmatch('[0-9]{1,%d}' % digits, v) else v
        need(whole(1)(v) and v <= high, 'no such number')
        return v
    return read


def flag(v):
    v = {'true': True, 'false': False}.get(v, v) if isinstance(v, str) else v
    need(isinstance(v, bool), 'neither true nor false')
    return v


def peer_key(v):
    need(HASH(v), 'no key')
    return v


def one_of(*names):
    return lambda v: need(v in names and v, 'none of ' + ', '.join(names))


def database(v):
    need(re.fullmatch('[A-Za-z0-9_]{1,64}', string(v)), 'no name of a database')
    return v.lower()


def table_name(v):
    kinds = [c if c in '_$-' else unicodedata.category(c)[0] for c in some(v)]
    need(kinds[0] in 'LN_' and all(kind in 'LMN_$-' for kind in kinds) and len(kinds) <= 63, 'no name of a table')
    return unicodedata.normalize('NFC', v).lower()


def shape(must, may={}, default={}):
    def read(v):
        need(isinstance(v, dict) and set(must) <= set(v), 'an attribute is missing')
        return {name: {**must, **may}.get(name, lambda item: item)(item) for name, item in {**default, **v}.items()}
    return read


def data_base(v):
    return need(database(v) != 'almgm' and database(v), 'no database of data')


def data_table(v):
    return need(not re.match('(sqlite|holdfast)_', table_name(v)) and table_name(v), 'no table of data')


def files(v):
    need(isinstance(v, dict) and len(v) <= 512, 'no files')
    need(all(name and whole(1)(n) and n <= 2**48 for name, n in v.items()), 'no number of a file')
    return v


def tables(v):
    need(isinstance(v, list), 'no list')
    read = [shape({'dbms': database, 'name': table_name}, {'status': string}, {'status': 'active'})(item) for item in v]
    need(len({(item['dbms'], item['name']) for item in read}) == len(v), 'a table twice')
    return read


def listed(read):
    return lambda v: [read(item) for item in need(isinstance(v, list) and [v], 'no list')[0]]


def anmp(v):
    need(any(isinstance(item, dict) for item in v.values()), 'it names no policy')
    return v


PORT = number(5, 65535)
OF, AT = {'company': some, 'name': some}, {'ip': some, 'port': PORT}
MAY = {'rest_port': PORT, 'broker_port': PORT, 'main': flag, 'peer': peer_key}
KINDS = {
    **{type: shape({**OF, **AT}, MAY) for type in NODES},
    'operator': shape({**AT, 'cluster': some}, {**OF, **MAY, 'member': number(3, 255)}),
    'cluster': shape(OF, {'parent': some, 'status': string, 'table': tables}, {'status': 'active'}),
    'table': shape({'dbms': database, 'name': table_name, 'create': some}),
    'drop': shape({'company': some, 'cluster': some, 'dbms': data_base, 'table': data_table, 'files': files}),
    'config': shape({'name': some}, {'script': listed(string)}),
    'anmp': anmp,
    'permissions': shape({'name': some}, {
        **{name: listed(some) for name in ('enable', 'disable', 'databases', 'tables', 'types')},
        'roles': listed(one_of('admin', 'operator', 'member', 'auditor', 'archive')), 'company': some, 'cluster': some, 'grants': flag}),
    'assignment': shape({'permissions': some, 'members': listed(peer_key)}, {'company': some, 'cluster': some}),
    'member': shape({'type': one_of('root', 'node', 'user', 'certificate'), 'name': some, 'public_key': peer_key}, {'company': some}),
}


def is_name(v):
    return text(128)(v) and v != '__proto__'


def check(v, depth):
    need(not isinstance(v, (dict, list)) or depth <= 28, 'nested too deep')
    need(not isinstance(v, str) or '\0' not in v, 'NUL in a text')
    need(not isinstance(v, dict) or all(map(is_name, v)), 'no name of an attribute')
    for item in v.values() if isinstance(v, dict) else v if isinstance(v, list) else ():
        check(item, depth + 1)


def normal(type, value):
    need(is_name(type), 'no type')
    check(value, 1)
    need('date' not in value or len(units(string(value['date']))) <= 256, 'no date')
    return KINDS.get(type, dict)(value)


def key_in(value):
    """The key that a node's policy names as its own, None where that is none: what is left of an erased policy may hold anything."""
    return value.get('peer') if HASH(value.get('peer')) else None


def parts_of(value, names):
    """The values of a claim, None where one is missing. What is left of an erased policy may hold anything: only whole numbers and texts without NUL count."""
    parts = tuple(value.get(name) for name in names)
    counts = [whole(1 - 2**53)(part) or isinstance(part, str) and '\0' not in part for part in parts]
    return tuple(map(str, parts)) if all(counts) else None


def claims(type, value):
    """C: what a policy alone may hold."""
    if type == 'cluster' and 'parent' in value:
        listed = value.get('table') if isinstance(value.get('table'), list) else []
        parts = [parts_of({**each, 'parent': value['parent']}, ('parent', 'dbms', 'name')) for each in listed if isinstance(each, dict)]
        return [(type, 'table') + each for each in parts if each]
    names = {'cluster': [('company', 'name')], 'config': [('name',)], 'table': [('dbms', 'name')],
             'member': [('public_key',), *([('type',)] if value.get('type') == 'root' else [])]}
    on = [('ip', 'port'), ('company', 'name'), ('peer',)] if type in NODES else names.get(type, [])
    return [(type, each) + parts for each in on for parts in [parts_of(value, each)] if parts]
