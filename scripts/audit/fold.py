"""How entries become policies: src/policy/FOLD.md (F) and src/policy/SPEC.md (moments, root), read a second time."""
import datetime

from authority import ACTS, Authority
from basics import NODES, Fault, dump, need, sha, tree, units, whole
from erasures import erase
from kinds import claims, is_name, normal

# The fold: entries take their effect in the ledger's order.
class Life:
    """A policy from its insert to its delete."""

    def __init__(self, f, value):
        self.insert, self.type, self.id, self.value, self.claims = f, f.type, f.id, value, claims(f.type, value)
        self.heads, self.facts, self.member, self.waits = [f.hash], [f.hash], None, False
        self.partial, self.shadow = f.erased is not None, {**value, **ghosts(f)}
        self.origins = {name: f.hash for name in self.shadow}

    @property
    def cluster(self):
        cluster = self.value.get('cluster')
        return cluster if self.type == 'operator' and isinstance(cluster, str) else None


class Fold:
    def __init__(self, facts, authority):
        self.lives, self.holders, self.places, self.authority = {}, {}, {}, authority
        self.void, self.erasing = set(), erase(facts, authority)
        for f in sorted(facts, key=lambda f: f.order):
            if not self.takes_effect(f):
                self.void.add(f.hash)
        for life in self.lives.values():
            self.void.update(life.facts if life.waits else ())

    def takes_effect(self, f):
        act = {'insert': self.insert, 'update': self.update, 'delete': self.delete}.get(f.op)
        if f.op == 'genesis' or act is None:
            return f.op == 'genesis' or f.hash in self.erasing or f.op in ACTS and self.authority.holds(f)
        try:
            return f.id is not None and self.authority.holds(f) and act(f, self.lives.get(f.id))
        except Fault:
            return False

    def insert(self, f, life):
        value = normal(f.type or '', without(f.content)) if f.erased is None else {}
        need(is_name(f.type or ''), 'no type')
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
        value, partial = changed(life.type, before, changes, f.erased is not None or life.partial)
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
        old, life.partial = life.shadow, partial
        life.shadow, _ = changed(life.type, old, {**changes, **ghosts(f)}, True)
        kept = {name for name in life.shadow if name in old and dump(life.shadow[name]) == dump(old[name])}
        life.origins = {name: life.origins[name] if name in kept else f.hash for name in life.shadow}
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
        wish = life.value.get('member', 1)
        member = None if life.cluster is None else next_free(taken, wish if whole(1)(wish) and wish <= 255 else 1)
        life.waits = not self.are_free(life.claims, life) or life.cluster is not None and member is None
        if not life.waits:
            life.member = member
            taken.update({member: life} if life.cluster is not None else {})
            self.holders.update({claim: life for claim in life.claims})

    def move(self, life, value, is_named):
        """Moves an operator to its number and cluster; whether there is one."""
        if life.type != 'operator':
            return True
        wish, to = value.get('member') if is_named else life.member, value.get('cluster')
        wish = wish if whole(0)(wish) else None
        if not isinstance(to, str) or to == life.cluster and wish in (None, life.member):
            return True
        taken = self.places.setdefault(to, {})
        member = None if is_named and wish in taken else next_free(taken, wish or 1)
        if member is not None:
            self.places.get(life.cluster, {}).pop(life.member, None)
            taken[member], life.member = life, member
        return member is not None

    def give_turn(self):
        for life in sorted(self.lives.values(), key=lambda life: life.insert.order):
            if life.waits:
                self.settle(life)


def ghosts(f):
    """In the place of each value that is erased one that equals no other."""
    return {name: {'erased': f.hash} for name in f.erased or []}


def changed(type, before, changes, is_partial):
    """The value after changes, in normal form, and whether it has none; only what is left of an erased policy may have none."""
    value = {name: v for name, v in {**before, **changes}.items() if changes.get(name, 0) is not None}
    try:
        return normal(type, value), False
    except Fault:
        need(is_partial, 'no normal form')
        return value, True


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
        given = {name: v for name, v in life.value.items() if name != 'member' or life.type != 'operator'}
        value = {'date': date_of(life.insert.time), **given, 'id': id, **({'member': member} if member else {})}
        conflict = life.heads if len(life.heads) > 1 else []
        policies.append({**leaf, 'value': value, 'entry': life.heads[-1], 'conflict': conflict})
    return {
        'v': 1, 'entries': len(of_moment), 'void': sorted(fold.void), 'root': tree(leaves).hex(),
        'equivocations': [{'author': author, 'seq': seq} for author, seq in sorted(forks.items())],
        'policies': [policy for policy in policies if question['id'] in (None, policy['id'])],
    }
