"""Moments of a ledger: src/policy/SPEC.md (1, 2), read a second time."""
from basics import need


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
    if 'entries' in moment:
        had = [by_hash[hash] for hash in moment['entries']]
        return had, forks_of(had)
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
