"""How entries become policies: src/policy/FOLD.md and src/policy/SPEC.md (moments, root), read a second time."""
import datetime
import re
import unicodedata

from authority import ACTS, Authority
from basics import HASH, NODES, Fault, dump, need, sha, text, tree, units, whole

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


def tables(v):
    need(isinstance(v, list), 'no list')
    read = [shape({'dbms': database, 'name': table_name}, {'status': string}, {'status': 'active'})(item) for item in v]
    need(len({(item['dbms'], item['name']) for item in read}) == len(v), 'a table twice')
    return read


def script(v):
    need(isinstance(v, list), 'no list')
    return [string(item) for item in v]


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
    'config': shape({'name': some}, {'script': script}),
    'anmp': anmp,
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


def claims(type, value):
    """C: what a policy alone may hold."""
    if type == 'cluster' and 'parent' in value:
        return [(type, value['parent'], each['dbms'], each['name'], 'table') for each in value.get('table', [])]
    names = {'cluster': [('company', 'name')], 'config': [('name',)], 'table': [('dbms', 'name')]}
    on = [('ip', 'port'), ('company', 'name'), ('peer',)] if type in NODES else names.get(type, [])
    return [(type, each) + tuple(value[name] for name in each) for each in on if set(each) <= set(value)]


# The fold: entries take their effect in the ledger's order.
class Life:
    """A policy from its insert to its delete."""

    def __init__(self, f, value):
        self.insert, self.type, self.id, self.value, self.claims = f, f.type, f.id, value, claims(f.type, value)
        self.heads, self.facts, self.member, self.waits = [f.hash], [f.hash], None, False
        self.origins = {name: f.hash for name in value}

    @property
    def cluster(self):
        return self.value['cluster'] if self.type == 'operator' else None


class Fold:
    def __init__(self, facts, authority):
        self.lives, self.holders, self.places, self.authority = {}, {}, {}, authority
        self.void = set()
        for f in sorted(facts, key=lambda f: f.order):
            if not self.takes_effect(f):
                self.void.add(f.hash)
        for life in self.lives.values():
            self.void.update(life.facts if life.waits else ())

    def takes_effect(self, f):
        act = {'insert': self.insert, 'update': self.update, 'delete': self.delete}.get(f.op)
        if f.op == 'genesis' or act is None:
            return f.op == 'genesis' or f.op in ACTS and self.authority.holds(f)
        try:
            return f.id is not None and self.authority.holds(f) and act(f, self.lives.get(f.id))
        except Fault:
            return False

    def insert(self, f, life):
        value = normal(f.type or '', without(f.content))
        if life is not None or f.type in NODES and value.get('peer', f.author) != f.author:
            return False
        if not self.authority.covers(f, f.type, None, value):
            return False
        self.lives[f.id] = Life(f, value)
        self.settle(self.lives[f.id])
        return True

    def update(self, f, life):
        if life is None or f.type not in (None, life.type):
            return False
        changes, before = without(f.content), life.value
        value = normal(life.type, {name: v for name, v in {**before, **changes}.items() if changes.get(name, 0) is not None})
        if life.type in NODES:
            was = before.get('peer', f.author)
            takes_over = 'peer' in before and (changes.get('replaces'), changes.get('peer')) == (was, f.author)
            if was != f.author and not takes_over or value.get('peer', f.author) != f.author:
                return False
        if not self.authority.covers(f, life.type, before, value):
            return False
        on = claims(life.type, value)
        if not life.waits and not (self.are_free(on, life) and self.move(life, value, 'member' in changes)):
            return False
        kept = {name for name in value if name in before and dump(value[name]) == dump(before[name])}
        life.origins = {name: life.origins[name] if name in kept else f.hash for name in value}
        replaced = [f.replaces] if isinstance(f.replaces, str) else f.replaces or []
        life.heads = ([head for head in life.heads if head not in replaced] + [f.hash])[-16:]
        life.facts.append(f.hash)
        left, life.value, life.claims = life.claims, value, on
        if life.waits:
            self.settle(life)
            return True
        for claim in left:
            del self.holders[claim]
        self.holders.update({claim: life for claim in on})
        self.give_turn()
        return True

    def delete(self, f, life):
        if life is None or f.type not in (None, life.type) or not self.authority.covers(f, life.type, life.value, None):
            return False
        del self.lives[f.id]
        if not life.waits:
            for claim in life.claims:
                del self.holders[claim]
            self.places.get(life.cluster, {}).pop(life.member, None)
            self.give_turn()
        return True

    def are_free(self, on, life):
        return all(self.holders.get(claim, life) is life for claim in on)

    def settle(self, life):
        taken = self.places.setdefault(life.cluster, {})
        member = None if life.cluster is None else next_free(taken, life.value.get('member', 1))
        life.waits = not self.are_free(life.claims, life) or life.cluster is not None and member is None
        if not life.waits:
            life.member = member
            taken.update({member: life} if life.cluster is not None else {})
            self.holders.update({claim: life for claim in life.claims})

    def move(self, life, value, is_named):
        """Moves an operator to its number and cluster; whether there is one."""
        if life.type != 'operator':
            return True
        wish, to = value.get('member') if is_named else life.member, value['cluster']
        if to == life.cluster and wish in (None, life.member):
            return True
        taken = self.places.setdefault(to, {})
        member = None if is_named and wish in taken else next_free(taken, wish or 1)
        if member is not None:
            del self.places[life.cluster][life.member]
            taken[member], life.member = life, member
        return member is not None

    def give_turn(self):
        for life in sorted(self.lives.values(), key=lambda life: life.insert.order):
            if life.waits:
                self.settle(life)


def without(content):
    return {name: v for name, v in content.items() if name not in ('id', 'ledger')}


def next_free(taken, wish):
    return next((n for n in [*range(wish, 256), *range(1, wish)] if n not in taken), None)


# Moments, and the state that follows (src/policy/SPEC.md, src/bundle/SPEC.md 4).


def forks_of(facts):
    seen, forks = {}, {}
    for f in facts:
        if seen.setdefault((f.author, f.seq), f.hash) != f.hash:
            forks[f.author] = min(f.seq, forks.get(f.author, f.seq))
    return forks


def covered(facts, moment):
    """The entries of a moment, and the forks that it shows."""
    if 'time' in moment:
        return [f for f in facts if f.time <= moment['time']], forks_of(facts)
    by_hash = {f.hash: f for f in facts}
    forks = forks_of([by_hash[head] for head in moment['frontier'] if head in by_hash])
    while True:
        found, open_ = {}, list(moment['frontier'])
        while open_:
            hash = open_.pop()
            if hash not in found:
                f = found[hash] = by_hash[need(hash in by_hash and hash, 'the frontier names what is not there')]
                open_ += [] if f.seq >= forks.get(f.author, f.seq + 1) else [link for link in [f.prev, *f.parents] if link]
        seen = forks_of(found.values())
        if all(forks.get(author, seq + 1) <= seq for author, seq in seen.items()):
            return [f for f in facts if f.hash in found or f.op == 'genesis'], forks
        forks = {author: min(seen.get(author, seq), seq) for author, seq in {**seen, **forks}.items()}


def date_of(micros):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def state_of(facts, question, genesis):
    """What `state.json` has to say."""
    of_moment, forks = covered(facts, question['moment'])
    fold = Fold(of_moment, Authority(of_moment, genesis, forks))
    leaves, policies = [], []
    for id in sorted(fold.lives, key=units):
        life = fold.lives[id]
        if life.waits:
            continue
        member = life.member if life.type == 'operator' else None
        leaf = {'attributes': life.origins, 'id': id, 'insert': life.insert.hash, 'member': member, 'type': life.type}
        leaves.append(sha(b'\0' + dump(leaf).encode()))
        value = {'date': date_of(life.insert.time), **life.value, 'id': id, **({'member': member} if member else {})}
        conflict = life.heads if len(life.heads) > 1 else []
        policies.append({**leaf, 'value': value, 'entry': life.heads[-1], 'conflict': conflict})
    return {
        'v': 1, 'entries': len(of_moment), 'void': sorted(fold.void), 'root': tree(leaves).hex(),
        'equivocations': [{'author': author, 'seq': seq} for author, seq in sorted(forks.items())],
        'policies': [policy for policy in policies if question['id'] in (None, policy['id'])],
    }
