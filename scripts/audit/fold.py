"""How entries become policies: src/policy/FOLD.md (F, and Z6 to Z8 on what snapshots have settled), read a second time."""
from authority import ACTS
from basics import NODES, Fault, dump, need, whole
from erasures import erase
from kinds import claims, is_name, key_in, normal

CHANGES = ('insert', 'update', 'delete')
FINAL = ('drop',)


# The fold: entries take their effect in the ledger's order.
class Life:
    """A policy from its insert to its delete."""

    def __init__(self, f, value):
        self.insert, self.type, self.id, self.value, self.claims = f, f.type, f.id, value, claims(f.type, value)
        self.heads, self.facts, self.member, self.waits = [f.hash], [f.hash], None, False
        self.partial, self.shadow = f.erased is not None, {**value, **ghosts(f)}
        self.origins = {name: f.hash for name in self.shadow}
        self.settled = None, set()

    @property
    def cluster(self):
        cluster = self.value.get('cluster')
        return cluster if self.type == 'operator' and isinstance(cluster, str) else None


class Fold:
    """`settled`: what snapshots in force have settled, with `by` (their entries), `covered`, `leaves`, `void`; or None."""

    def __init__(self, facts, authority, settled=None):
        self.lives, self.holders, self.places, self.authority = {}, {}, {}, authority
        self.void, self.erasing, self.snapshots = set(), erase(facts, authority), settled.by if settled else set()
        if settled:
            self.restore({f.hash: f for f in facts}, settled)
        for f in sorted(facts, key=lambda f: f.order):
            if settled and f.hash in settled.covered and f.op in CHANGES:
                self.void.update({f.hash} & settled.void)
            elif not self.takes_effect(f):
                self.void.add(f.hash)
        for life in self.lives.values():
            self.void.update(life.facts if life.waits else ())

    def takes_effect(self, f):
        act = {'insert': self.insert, 'update': self.update, 'delete': self.delete}.get(f.op)
        if f.op == 'genesis' or act is None:
            return (f.op == 'genesis' or f.hash in self.erasing or f.hash in self.snapshots
                    or f.op in ACTS and self.authority.holds(f))
        try:
            return f.id is not None and self.authority.holds(f) and act(f, self.lives.get(f.id))
        except Fault:
            return False

    def restore(self, by_hash, settled):
        """Z6 to Z8."""
        for leaf in sorted(settled.leaves, key=lambda leaf: by_hash[leaf['insert']].order):
            origins = {name: by_hash[hash] for name, hash in leaf['attributes'].items()}
            given = {name: said(f).get(name) for name, f in origins.items()}
            value, partial = changed(leaf['type'], {}, given, True)
            life = self.lives[leaf['id']] = Life(by_hash[leaf['insert']], value)
            last = max([life.insert, *origins.values()], key=lambda f: f.order)
            later = {f.hash for f in by_hash.values() if f.hash in settled.covered and f.id == life.id and f.order > last.order}
            life.heads, life.settled, life.partial = [last.hash], (last.hash, later), partial
            life.origins = {**dict.fromkeys(value, leaf['insert']), **leaf['attributes']}
            life.shadow = {**{name: {'erased': f.hash} for name, f in origins.items()}, **value}
            life.claims = [claim for claim in life.claims if claim not in self.holders]
            self.holders.update({claim: life for claim in life.claims})
            if life.cluster is not None and leaf['member']:
                life.member = leaf['member']
                self.places.setdefault(life.cluster, {})[life.member] = life

    def insert(self, f, life):
        value = normal(f.type or '', without(f.content)) if f.erased is None else {}
        need(is_name(f.type or ''), 'no type')
        if life is not None or f.type in NODES and key_in(value) not in (None, f.author):
            return False
        if not self.authority.covers(f, f.type, None, value):
            return False
        self.lives[f.id] = Life(f, value)
        self.settle(self.lives[f.id])
        return True

    def update(self, f, life):
        if life is None or f.type not in (None, life.type) or life.type in FINAL:
            return False
        changes, before = without(f.content), life.value
        value, partial = changed(life.type, before, changes, f.erased is not None or life.partial)
        if life.type in NODES:
            was = key_in(before)
            takes_over = was and (changes.get('replaces'), changes.get('peer')) == (was, f.author)
            if was not in (None, f.author) and not takes_over or key_in(value) not in (None, f.author):
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
        if life.settled[1] & set(replaced):
            replaced = [*replaced, life.settled[0]]
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
        if life is None or f.type not in (None, life.type) or life.type in FINAL or not self.authority.covers(f, life.type, life.value, None):
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
        member = None if life.cluster is None else next_free(taken, wish_of(life.value) or 1)
        life.waits = not self.are_free(life.claims, life) or life.cluster is not None and member is None
        if not life.waits:
            life.member = member
            taken.update({member: life} if life.cluster is not None else {})
            self.holders.update({claim: life for claim in life.claims})

    def move(self, life, value, is_named):
        """Moves an operator to its number and cluster; whether there is one."""
        if life.type != 'operator':
            return True
        wish, to = wish_of(value) if is_named else life.member, value.get('cluster')
        if to == life.cluster and wish in (None, life.member):
            return True
        taken = self.places.setdefault(to, {}) if isinstance(to, str) else None
        member = None if taken is None or is_named and wish in taken else next_free(taken, wish or 1)
        if taken is not None and member is None:
            return False
        self.places.get(life.cluster, {}).pop(life.member, None)
        life.member = member
        if member:
            taken[member] = life
        return True

    def give_turn(self):
        for life in sorted(self.lives.values(), key=lambda life: life.insert.order):
            if life.waits:
                self.settle(life)


def said(f):
    """What an entry gave its policy: an insert in normal form."""
    return normal(f.type, without(f.content)) if f.op == 'insert' and f.erased is None else f.content


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


def wish_of(value):
    wish = value.get('member')
    return wish if whole(1)(wish) and wish <= 255 else None


def next_free(taken, wish):
    return next((n for n in [*range(wish, 256), *range(1, wish)] if n not in taken), None)
