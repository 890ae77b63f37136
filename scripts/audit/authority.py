"""Who may write: src/policy/authority/SPEC.md, read a second time. A verdict is a function of the set of entries."""
from basics import HASH, NAME, NODES, fits, hexes, once, one_of, verify, whole
from kinds import key_in

ROLES = one_of('admin', 'operator', 'member', 'auditor', 'archive')
SCOPE = fits({}, {'types': once(1, 64, NAME), 'company': NAME, 'cluster': NAME})
ONE, TRUE_OR_FALSE = one_of(1), one_of(True, False)
ACTS = {
    'grant': fits({'v': ONE, 'key': HASH, 'roles': once(1, 5, ROLES), 'scope': SCOPE, 'grants': TRUE_OR_FALSE},
                  {'name': NAME, 'expires': whole(0), 'replaces': fits({'grant': HASH, 'from': whole(1)})}),
    'revoke': fits({'v': ONE, 'grant': HASH, 'from': whole(1)}, {'key': HASH, 'reason': NAME}),
    'join': fits({'v': ONE, 'proof': hexes(128)}, {'name': NAME}),
    'rotate': fits({'v': ONE, 'key': HASH, 'proof': hexes(128)}),
}
ALL = {'roles': ['admin'], 'scope': {}, 'grants': True}


class Authority:
    def __init__(self, facts, genesis, forks):
        self.net, self.roots, self.forks, self.known = genesis.hash, genesis.content['roots'], forks, {}
        self.open = genesis.content['admission'] == 'open'
        self.acts = {f.hash: f for f in facts if f.op in ACTS and ACTS[f.op](f.content)}
        self.ends = [(f, f.content if f.op == 'revoke' else f.content['replaces']) for f in self.acts.values()
                     if f.op == 'revoke' or 'replaces' in f.content]

    def holds(self, f):
        if f.hash not in self.known:
            self.known[f.hash] = (f.op not in ACTS or f.hash in self.acts) and self.judge(f)
        return self.known[f.hash]

    def judge(self, f):
        if f.author in self.forks and f.seq >= self.forks[f.author]:  # A1
            return False
        if f.cap == self.net:  # A2
            if f.author in self.roots:
                return f.op != 'join' and not self.rotated(f) and self.may_act(f, ALL)
            return self.open and f.op not in ACTS and not self.revoked(f)
        link = self.link(f.cap)
        if link is None or ('expires' in link.content) != (f.op == 'join'):  # A3
            return False
        return ((f.op == 'join' or self.holder(link) == f.author)
                and link.order < f.order and self.is_near(f) and self.holds(link)  # A4
                and not self.revoked(f) and not self.rotated(f) and self.may_act(f, self.rights(link)))

    def may_act(self, f, rights):
        if f.op == 'revoke':
            return self.may_end(f, f.content)
        if f.op == 'rotate':
            return self.handed_on(f)
        if f.op == 'join':  # A8
            joins = [join for join in self.acts.values() if join.op == 'join' and join.cap == f.cap and self.redeems(join)]
            return f is min(joins, key=lambda join: join.order, default=None)
        if f.op != 'grant':
            return True
        may_replace = 'replaces' not in f.content or (
            'admin' in rights['roles'] and self.is_above(f.cap, f.content['replaces']['grant']))  # A11
        return within(f.content, rights) and may_replace

    def redeems(self, join):
        invite = self.acts[join.cap]
        message = f'holdfast join 1\n{self.net}\n{join.cap}\n{join.author}\n'
        return (invite.order < join.order and join.time <= invite.content['expires']
                and self.signed(invite.content['key'], message, join))

    def handed_on(self, f):
        key = f.content['key']
        return key != f.author and self.signed(key, f'holdfast rotate 1\n{self.net}\n{f.cap}\n{f.author}\n{key}\n', f)

    def signed(self, key, message, f):
        if (f.hash, key) not in self.known:
            self.known[f.hash, key] = verify(key, message.encode(), bytes.fromhex(f.content['proof']))
        return self.known[f.hash, key]

    def rotated(self, f):  # A10
        return any(r.op == 'rotate' and (r.author, r.cap) == (f.author, f.cap) and r.seq < f.seq and self.handed_on(r)
                   for r in self.acts.values())

    def revoked(self, f):  # A5
        keys = [f.author] if f.cap == self.net else [f.author, None]
        return any(end['grant'] == f.cap and end.get('key') in keys and f.seq >= end['from']
                   and self.may_end(by, end) and self.holds(by) for by, end in self.ends)

    def may_end(self, by, end):  # A7
        if end['grant'] == self.net:
            return self.origin(by.cap) == self.net and 'key' in end
        return self.is_above(by.cap, end['grant'])

    def is_above(self, cap, grant):
        start = self.acts.get(self.origin(grant)) if self.link(grant) else None
        return start is not None and self.origin(cap) in map(self.origin, self.above(start))

    def above(self, f):
        caps, cap = [], f.cap
        while cap is not None and len(caps) <= 176:
            caps.append(cap)
            cap = self.acts[cap].cap if cap in self.acts else None
        return caps

    def is_near(self, f):
        above = self.above(f)
        turned = sum(cap in self.acts and self.acts[cap].op == 'rotate' for cap in above)
        return turned <= 160 and len(above) - turned <= 16

    def origin(self, cap):
        for _ in range(177):
            cap = self.acts[cap].cap if cap in self.acts and self.acts[cap].op == 'rotate' else cap
        return cap

    def link(self, cap):
        return self.acts[cap] if cap in self.acts and self.acts[cap].op != 'revoke' else None

    def holder(self, link):
        return link.author if link.op == 'join' else link.content['key']

    def rights(self, link):
        given, former = None, []
        while link:
            if link.op == 'grant':
                given = given or link.content
                link = self.link(link.content['replaces']['grant']) if 'replaces' in link.content else None
                former += [self.holder(link)] if link else []
            else:
                former += [link.author] if link.op == 'rotate' else []
                above = self.link(link.cap)
                link = None if link.op == 'join' and above and above.op != 'grant' else above
        return {**(given or ALL), 'former': former[::-1]}

    def keys_of(self, key):
        """The key, and those that it ever stood in for by right."""
        held = [f for f in self.acts.values() if f.op != 'revoke' and self.holder(f) == key and self.holds(f)]
        return {key}.union(*(self.rights(f)['former'] for f in held))

    def covers(self, f, type, before, after):  # A9
        if f.cap == self.net:
            return True
        rights = self.rights(self.link(f.cap))
        was, types = key_in(before or {}), rights['scope'].get('types')
        own = was == f.author or was in rights.get('former', [])
        if after is not None:
            own = (own or was is None) and after.get('peer') == f.author
        arises = before is None and (type == 'table' or type == 'cluster' and 'parent' in after)
        may = {'admin': True, 'operator': own if type == 'operator' else arises,
               'member': types is not None and (type not in NODES or own), 'auditor': False, 'archive': False}
        return (any(may[role] for role in rights['roles']) and (types is None or type in types)
                and all(in_scope(rights['scope'], type, f.id, value) for value in (before, after) if value is not None))


def within(part, whole_):  # A6
    a, b = part['scope'], whole_['scope']
    return (whole_['grants'] and ('admin' in whole_['roles'] or set(part['roles']) <= set(whole_['roles']))
            and ('types' not in b or set(a.get('types', [None])) <= set(b['types']))
            and ('company' not in b or a.get('company', '').startswith(b['company']))
            and ('cluster' not in b or a.get('cluster') == b['cluster']))


def in_scope(scope, type, id, value):
    company, cluster = value.get('company'), scope.get('cluster')
    free = type == 'table' and 'company' not in value
    if 'company' in scope and not free and not (isinstance(company, str) and company.startswith(scope['company'])):
        return False
    names = [id, value.get('parent')] if type == 'cluster' else [value.get('cluster')]
    return cluster is None or type == 'table' or cluster in names
