"""What was erased: src/policy/authority/SPEC.md, Erasure, read a second time."""
from basics import HASH, NAME, fits, once, one_of, text

ERASABLE = ('insert', 'update')


def attribute(v):
    return text(128)(v) and v != '__proto__'


ACT = fits({'v': one_of(1), 'entry': HASH, 'attributes': once(0, 65536, attribute), 'removed': once(0, 65536, attribute), 'reason': NAME})


def in_force(f, by_hash, authority):
    """X1 to X3."""
    target = by_hash.get(f.content['entry']) if ACT(f.content) and authority.holds(f) else None
    if target is None or target.op not in ERASABLE:
        return False
    if f.author == target.author:
        return True
    if f.cap == authority.net:
        return f.author in authority.roots
    rights = authority.rights(authority.link(f.cap))
    scope = rights['scope']
    is_admin = 'admin' in rights['roles'] and not {'company', 'cluster'} & set(scope)
    return target.author in rights.get('former', []) or is_admin and target.type in scope.get('types', [target.type])


def erase(facts, authority):
    """Takes what is erased out of the entries that it is erased from; the hashes of the erase entries in force. What is erased stays so."""
    by_hash, good = {f.hash: f for f in facts}, set()
    for f in sorted((f for f in facts if f.op == 'erase'), key=lambda f: f.order):
        if not in_force(f, by_hash, authority):
            continue
        good.add(f.hash)
        target = by_hash[f.content['entry']]
        if target.erased is None:
            target.erased, target.eraser = f.content['attributes'], f.hash
            names = [*target.erased, *f.content['removed']] if target.op == 'update' else []
            target.content = {name: None for name in names}
    return good
