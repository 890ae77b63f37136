"""The state at a moment: src/policy/SPEC.md (3), src/policy/FOLD.md (Z, snapshots) and src/bundle/SPEC.md (4), read a second time."""
import datetime
from types import SimpleNamespace

from authority import Authority
from basics import HASH, NODES, Fault, dump, fits, listed, one_of, sha, tree, units
from fold import Fold
from moments import covered, forks_of

FRONTIER = listed(1, 900, HASH)
ACT = fits({'v': one_of(1), 'frontier': lambda v: FRONTIER(v) and v == sorted(set(v)), 'root': HASH, 'logs': HASH})


def fold_of(facts, genesis, forks, known):
    """The fold of some entries, with what their snapshots settle. `known`: what was found out of snapshots, by what they say."""
    authority = Authority(facts, genesis, forks)
    return Fold(facts, authority, settled_in(facts, genesis, authority, known))


def settled_in(facts, genesis, authority, known):
    """Z1 to Z5."""
    groups = {}
    for f in sorted((f for f in facts if f.op == 'snapshot'), key=lambda f: f.order):
        root = root_behind(f, authority) if ACT(f.content) and authority.holds(f) else None
        around = closure(facts, [f.hash]) if root else None
        if around and set(f.content['frontier']) <= {each.hash for each in around[0]}:
            groups.setdefault(dump(f.content), []).append((root, f))
    chain, last = [], None
    for says, signed in groups.items():
        if 2 * len({root for root, _ in signed}) > len(set(genesis.content['roots'])):
            if says not in known:
                known[says] = check(signed[0][1].content, facts, genesis, known)
            if known[says] and known[says].chain == chain:
                chain, last = [*chain, says], known[says]
    by = {f.hash for says in chain for _, f in groups[says]}
    return last and SimpleNamespace(**{**vars(last), 'chain': chain, 'by': by})


def root_behind(f, authority):
    if f.cap == authority.net:
        return f.author if f.author in authority.roots else None
    link = authority.link(f.cap)
    return authority.rights(link)['former'][0] if link and authority.origin(f.cap) == authority.net else None


def closure(facts, heads):
    try:
        return covered(facts, {'frontier': heads})
    except Fault:
        return None


def check(act, facts, genesis, known):
    """What a snapshot settles; None where that is not what it says."""
    found = closure(facts, act['frontier'])
    if found is None:
        return None
    of_it, forks = [SimpleNamespace(**vars(f)) for f in found[0]], found[1]
    covers = {f.hash for f in of_it}
    fold = fold_of(of_it, genesis, forks, known)
    leaves = leaves_of(fold)
    erased_since = any(f.erased is not None and f.eraser not in covers for f in of_it)
    if logs_of(of_it, forks) != act['logs'] or root_of(leaves) != act['root'] and not erased_since:
        return None
    inner = settled_in(of_it, genesis, fold.authority, known)
    return SimpleNamespace(chain=inner.chain if inner else [], covered=covers, leaves=leaves, void=fold.void)


def logs_of(facts, forks):
    logs = {}
    for f in sorted(facts, key=lambda f: f.seq):
        if f.seq < forks.get(f.author, f.seq + 1):
            logs.setdefault(f.author, []).append(f.hash)
    return root_of([{'author': author, 'hash': log[-1], 'seq': len(log),
                     'root': tree([sha(b'\0' + bytes.fromhex(hash)) for hash in log]).hex()} for author, log in sorted(logs.items())])


def root_of(leaves):
    return tree([sha(b'\0' + dump(leaf).encode()) for leaf in leaves]).hex()


def leaves_of(fold):
    return [{'attributes': life.origins, 'id': id, 'insert': life.insert.hash, 'type': life.type,
             'member': life.member if life.type == 'operator' else None}
            for id, life in sorted(fold.lives.items(), key=lambda each: units(each[0])) if not life.waits]


def counting(facts, genesis, node, moment, cosigners):
    """src/bundle/SPEC.md, K2: whose word counts on what a node had, of those who cosigned it."""
    facts = [SimpleNamespace(**vars(f)) for f in facts]
    latest, (had, forks) = fold_of(facts, genesis, forks_of(facts), {}), covered(facts, moment)
    void, by_all = set(latest.void), peers(latest)
    then = peers(fold_of(had, genesis, forks, {}))
    own = latest.authority.keys_of(node)
    return {key for key in cosigners if not own & latest.authority.keys_of(key)
            and (any(key == peer for peer, _ in by_all) or any(key == peer and by not in void for peer, by in then))}


def peers(fold):
    """The keys of the nodes that have a policy in force, with the entry that gave it that key."""
    lives = [life for life in fold.lives.values() if life.type in NODES and not life.waits and isinstance(life.value.get('peer'), str)]
    return [(life.value['peer'], life.origins['peer']) for life in lives]


def date_of(micros):
    return (datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=micros)).strftime('%Y-%m-%dT%H:%M:%S.%fZ')


def state_of(facts, question, genesis):
    """What `state.json` has to say."""
    of_moment, forks = covered(facts, question['moment'])
    fold = fold_of(of_moment, genesis, forks, {})
    leaves, policies = leaves_of(fold), []
    for leaf in leaves:
        life, id, member = fold.lives[leaf['id']], leaf['id'], leaf['member']
        given = {name: v for name, v in life.value.items() if name != 'member' or life.type != 'operator'}
        value = {'date': date_of(life.insert.time), **given, 'id': id, **({'member': member} if member else {})}
        conflict = life.heads if len(life.heads) > 1 else []
        policies.append({**leaf, 'value': value, 'entry': life.heads[-1], 'conflict': conflict})
    return {
        'v': 1, 'entries': len(of_moment), 'void': sorted(fold.void), 'root': root_of(leaves),
        'equivocations': [{'author': author, 'seq': seq} for author, seq in sorted(forks.items())],
        'policies': [policy for policy in policies if question['id'] in (None, policy['id'])],
    }
