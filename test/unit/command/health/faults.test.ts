import { describe, expect, test } from 'vitest';
import { refusing, withRefusal } from '../../../../src/command/health/refused.ts';
import type { Refusal } from '../../../../src/policy/introduction/introductions.ts';
import { fault } from '../../../../src/base/errors.ts';
import type { HealthFacts, NamedPeer, OperatorFacts } from '../../../../src/command/health/facts.ts';
import { faultLines, faultsOf } from '../../../../src/command/health/faults.ts';
import type { FaultKind } from '../../../../src/command/health/kind.ts';
import { FAULT_KINDS, type FaultCode } from '../../../../src/command/health/kinds.ts';
import { expelledFault } from '../../../../src/network/exchange.ts';
import { twinFault, wrongPeerFault } from '../../../../src/network/libp2p-faults.ts';
import type { DiskStatus } from '../../../../src/base/disk-monitor.ts';
import type { PeerReplication } from '../../../../src/replication/replication.ts';

const disk = (state: DiskStatus['state'], cause?: string): DiskStatus => ({
  ...{ state, sinceMs: 0, freeBytes: 1, totalBytes: 2, reserveBytes: 1, cause },
  ...{ nextStep: undefined, lastError: undefined },
});
const peer: PeerReplication = {
  ...{
    operator: 'o2',
    name: 'operator-b',
    member: 2,
    connected: true,
    filesBehind: 0,
    filesAhead: 0,
    filesAway: 0,
    filesLeaving: 0,
    filesArriving: 0,
    lagMs: 0,
  },
  ...{ sent: 0, received: 0, lastExchange: undefined, lastError: undefined, lacking: new Map() },
};
const operator: OperatorFacts = {
  ...{ filled: true, awaited: [], distributor: true, consumer: 'active', peers: [peer], failures: [] },
  failed: { dir: '/e', files: 0, bytes: 0, isFull: false },
  ...{ watchFailure: undefined, setAside: [], damages: [], scrubError: undefined, dropFailure: undefined },
};
const all = { operator: true, distributor: true, consumer: true };
const other: NamedPeer = { peer: 'b', name: 'node-b', inCluster: true, clockAheadMs: 20, processes: all };
const well: HealthFacts = {
  disk: disk('ok'),
  clock: { jump: undefined },
  ledger: {
    ...{
      entries: 9,
      waiting: 0,
      heldBack: 0,
      ownAheadMs: 0,
      voidAuthors: 0,
      damaged: [],
      mended: 0,
      mayAppend: true,
      forbidden: undefined,
      failure: undefined,
    },
    ...{ bodies: { erasing: 0, missing: 0 } },
    ...{ index: 'level', signatures: { checked: 9, unchecked: 0, bad: 0 } },
  },
  hasNetwork: true,
  scriptFailure: undefined,
  threadFailures: [],
  receiptsDamaged: [],
  tilesFailure: undefined,
  historyNeeded: undefined,
  tablesUnread: [],
  isKeyRotated: false,
  equivocations: [],
  refusals: [],
  expelled: [],
  address: { listen: '10.0.0.1:32148', local: ['127.0.0.1', '10.0.0.1', '10.1.0.1', '::1'], policies: [] },
  foreignSeeds: [],
  dialled: [
    {
      address: '10.0.0.2:32148',
      connected: true,
      own: false,
      twin: false,
      attempts: 1,
      lastError: undefined,
      lost: false,
    },
  ],
  sync: [{ name: 'node-b', connected: true, behind: 0, lastError: undefined }],
  peers: [other],
  operator,
  idleOperator: undefined,
};

const ledger = (change: Partial<HealthFacts['ledger']>): Partial<HealthFacts> => ({
  ledger: { ...well.ledger, ...change },
});
const own = (change: Partial<OperatorFacts>): Partial<HealthFacts> => ({ operator: { ...operator, ...change } });
const one = (change: Partial<PeerReplication>): Partial<HealthFacts> => own({ peers: [{ ...peer, ...change }] });
const view = (change: Partial<NamedPeer>): Partial<HealthFacts> => ({ peers: [{ ...other, ...change }] });
const failure = {
  path: '/e/a.json',
  refused: false,
  dbms: 'd',
  table: 't',
  code: 'INGEST_ROW_JSON',
  text: 'line 3: no JSON',
  line: 3,
  time: '',
};

const at = (listen: string, hosts: readonly string[], port: number): Partial<HealthFacts> => ({
  address: { ...well.address, listen, policies: [{ id: 'o1', type: 'operator', hosts, port }] },
});

const refusal = (code: string): Refusal => ({
  ...{ peer: 'c', address: '10.0.0.5:1', dialled: true, code, network: undefined },
});

/** Facts that show the fault, and what its cause must name. */
const CASES: Readonly<Record<FaultCode, readonly [facts: Partial<HealthFacts>, cause: RegExp, step?: RegExp]>> = {
  DISK_FULL: [{ disk: disk('full', '12 KB are free') }, /12 KB/],
  DISK_READ_ONLY: [{ disk: disk('read-only', 'EROFS: x') }, /EROFS/],
  DISK_FAILING: [{ disk: disk('failing', 'ledger: EIO') }, /EIO/],
  DISK_LOW: [{ disk: disk('low', '2 MB are free, below the reserve') }, /reserve/],
  DISK_SLOW: [{ disk: disk('slow', 'a small write takes 310 ms') }, /310 ms/],
  LEDGER_DISK_FAILED: [ledger({ failure: 'cannot write the journal: EIO' }), /EIO/],
  LEDGER_WITHOUT_INDEX: [ledger({ index: 'memory' }), /index/],
  LEDGER_LINE_DAMAGED: [
    ledger({ damaged: [{ file: '/l/1.journal', offset: 77, author: undefined, seq: undefined }] }),
    /byte 77 of \/l\/1\.journal/,
  ],
  LEDGER_SIGNATURES_BAD: [ledger({ signatures: { checked: 9, unchecked: 0, bad: 2 } }), /2 entries/],
  LEDGER_ERASURE_WAITS: [ledger({ bodies: { erasing: 2, missing: 0 } }), /2 erased/],
  LEDGER_BODIES_MISSING: [ledger({ bodies: { erasing: 0, missing: 1 } }), /1 entries say/],
  HISTORY_NEEDED: [{ historyNeeded: 'history needed: archived, ask attic' }, /history needed.*ask attic/],
  START_SCRIPT_FAILED: [{ scriptFailure: 'line 3 of /s/a.al: no such policy' }, /line 3 of \/s\/a\.al/],
  THREAD_FAILED: [{ threadFailures: ['line 2 of /s/watch.al: no such table'] }, /line 2 of \/s\/watch\.al/],
  RECEIPT_FILES_DAMAGED: [
    { receiptsDamaged: [{ cause: '/r/checkpoints is damaged at byte 7', nextStep: 'move /r/checkpoints away' }] },
    /damaged at byte 7/,
    /^move /,
  ],
  ARCHIVE_FILES_WAIT: [{ tilesFailure: 'ENOSPC' }, /static files of the archive.*ENOSPC/],
  TABLE_STATEMENT: [{ tablesUnread: ['the table policy t9 of plant.x: no'] }, /policy t9 of plant\.x/],
  NETWORK_NONE: [{ hasNetwork: false, dialled: [] }, /belongs to no network/],
  ADMISSION_BY_INVITE: [
    { hasNetwork: false, refusals: [refusal('JOIN_NO_INVITE')] },
    /the network at 10\.0\.0\.5:1 admits by invite/,
  ],
  KEY_REVOKED: [{ refusals: [refusal('JOIN_REVOKED')] }, /key was revoked, says the node at 10\.0\.0\.5:1/],
  KEY_ROTATED: [{ isKeyRotated: true }, /new key/, /^start the node again/],
  JOIN_UNHEARD: [
    { refusals: [refusal('INTRODUCE_JOIN_UNHEARD')] },
    /10\.0\.0\.5:1 has not heard of the join/,
    /meet a member that has the join/,
  ],
  KEY_IN_USE: [
    ledger({ mayAppend: false, forbidden: { code: 'LEDGER_KEY_IN_USE', text: 'a second node writes with the key' } }),
    /second node writes/,
  ],
  LEDGER_RESTORED: [
    ledger({ mayAppend: false, forbidden: { code: 'LEDGER_RESTORED', text: 'restored, and op2 is away' } }),
    /op2 is away/,
  ],
  INVITE_VOID: [
    { refusals: [refusal('JOIN_INVITE_VOID')] },
    /invite of this node is void.*says the node at 10\.0\.0\.5:1/,
  ],
  LEDGER_APPENDS_REFUSED: [ledger({ mayAppend: false }), /no policy now/],
  LEDGER_ENTRIES_MISSING: [ledger({ waiting: 4 }), /4 entries/],
  KEY_EQUIVOCATED: [{ equivocations: [{ name: 'node-x', seq: 8, own: false }] }, /node-x signed two entries 8/],
  PEER_EXPELLED: [
    { expelled: [{ name: 'node-y', code: 'ENTRY_SIGNATURE_BAD', text: 'the signature does not hold' }] },
    /node-y is kept out: ENTRY_SIGNATURE_BAD, the signature/,
  ],
  CLOCK_JUMPED: [
    { clock: { jump: { atMs: Date.UTC(2026, 0, 1), byMs: -3_600_000 } } },
    /by -3600\.?\d* s at 2026-01-01/,
  ],
  LEDGER_CLOCK_AHEAD: [
    { peers: ['b', 'c'].map((peer) => ({ ...other, peer, name: `node-${peer}`, clockAheadMs: -3_650 * 86_400_000 })) },
    /\(node-b by 3650 days, node-c by 3650 days\)/,
  ],
  CLOCK_OFF: [view({ clockAheadMs: -90_000 }), /node-b is 90 s behind/],
  ENTRIES_FROM_THE_FUTURE: [ledger({ heldBack: 3 }), /3 entries/],
  OWN_ENTRIES_FROM_THE_FUTURE: [ledger({ ownAheadMs: 7_200_000 }), /dated 2\.0 hours ahead/],
  ADDRESS_WRONG: [
    at('10.0.0.1:41000', ['10.0.0.1'], 32148),
    /operator policy o1 says .* at 10\.0\.0\.1, port 32148, and it listens on 10\.0\.0\.1:41000/,
    /: blockchain update where id = o1 and policy = \{"operator":\{"port":41000\}\}$/,
  ],
  OTHER_NETWORK: [{ foreignSeeds: [{ address: '10.0.0.9:1', network: 'ffff' }] }, /10\.0\.0\.9:1 .* ffff/],
  PEER_UNREACHED: [
    {
      dialled: [
        {
          name: 'operator-b',
          address: '10.0.0.2:32148',
          connected: false,
          own: false,
          twin: false,
          attempts: 7,
          lastError: 'cannot reach 10.0.0.2:32148: ECONNREFUSED',
          lost: false,
        },
      ],
    },
    /operator-b at 10\.0\.0\.2:32148 .*7 times.*ECONNREFUSED/,
  ],
  LEDGER_SYNC_FAILED: [
    { sync: [{ name: 'node-b', connected: true, behind: 1, lastError: 'time-out' }] },
    /node-b: time-out/,
  ],
  OPERATOR_OFF: [
    { operator: undefined, idleOperator: 'o1' },
    /operator policy o1 and runs no operator/,
    /^run operator where policy = o1 .*--script FILE/,
  ],
  OPERATOR_UNFILLED: [own({ filled: false }), /filling up/],
  DISTRIBUTOR_OFF: [own({ distributor: false }), /hands new data/],
  CONSUMER_OFF: [own({ consumer: undefined }), /asks its peers for none/],
  CONSUMER_SUSPENDED: [own({ consumer: 'suspend' }), /suspended/],
  MEMBER_WITHOUT_DISTRIBUTOR: [view({ processes: { ...all, distributor: false } }), /node-b .*distributor/],
  MEMBER_WITHOUT_CONSUMER: [view({ processes: { ...all, consumer: false } }), /node-b .*consumer/],
  MEMBER_WITHOUT_OPERATOR: [
    view({ processes: { operator: false, distributor: false, consumer: false } }),
    /node-b .*runs no operator/,
  ],
  PEER_BEHIND: [one({ filesBehind: 12, lagMs: 65_000 }), /operator-b lacks 12 files .* 65 s/],
  BEHIND_PEER: [one({ filesAhead: 1, lagMs: 4_000 }), /lacks 1 file of operator-b for 4\.0 s/],
  FILES_OUT_OF_REACH: [
    one({ connected: false, filesAway: 5 }),
    /5 files that operator-b held when it was last heard of are neither here/,
  ],
  REPLICATION_FAILED: [one({ lastError: 'the hash is wrong' }), /operator-b: the hash is wrong/],
  FILES_WAIT: [own({ watchFailure: 'no file of /w is taken up now: EMFILE' }), /\/w .*EMFILE/],
  FILES_FAILED: [own({ failures: [failure, failure] }), /2 files .*\/e\/a\.json: line 3/],
  FAILED_FILES_PILED: [
    own({ failed: { dir: '/e', files: 12, bytes: 2_000_000_000, isFull: true } }),
    /\/e holds 2\.0 GB in 12 files/,
  ],
  DATABASE_DAMAGED: [own({ setAside: ['/d/plant.sqlite.damaged-1'] }), /plant\.sqlite\.damaged-1/],
  FILES_DAMAGED: [
    own({ damages: [{ origin: 'o1', file: 5, text: 'rows changed' }] as never }),
    /file 5 of o1: rows changed/,
  ],
  SCRUB_FAILED: [own({ scrubError: 'the archive cannot be read' }), /archive/],
  TABLE_DROP_WAITS: [own({ dropFailure: 'a table that was dropped is not gone yet: no room' }), /no room/],
};

describe('faults of a node', () => {
  test('a node that is well has none', () => {
    expect(faultsOf(well)).toEqual([]);
    expect(faultsOf({ ...well, disk: undefined, clock: undefined, operator: undefined, peers: [] })).toEqual([]);
    expect(faultLines([])).toBe('');
  });

  test.each(Object.entries(CASES))('%s', (code, [facts, cause, step]) => {
    const faults = faultsOf({ ...well, ...facts });
    const nextStep: unknown =
      step === undefined ? FAULT_KINDS[code as FaultCode].nextStep : expect.stringMatching(step);
    expect(faults).toEqual([{ code, cause: expect.stringMatching(cause) as string, nextStep }]);
    for (const area of ['synchronizer', 'distributor', 'consumer'] as const) {
      const { areas }: FaultKind = FAULT_KINDS[code as FaultCode];
      expect(faultsOf({ ...well, ...facts }, area)).toHaveLength(areas?.includes(area) === true ? 1 : 0);
    }
  });

  test('each kind has a next step, without what clients take for a bad status or for a table', () => {
    expect(Object.keys(CASES)).toEqual(Object.keys(FAULT_KINDS));
    for (const { nextStep } of Object.values(FAULT_KINDS)) {
      expect(nextStep.length).toBeGreaterThan(10);
      expect(nextStep).not.toMatch(/not|[|]|---/i);
    }
    for (const code of Object.keys(FAULT_KINDS)) expect(code).not.toMatch(/not/i);
  });

  test('who was restored names for whom it waits, and how that ends', () => {
    expect(faultsOf({ ...well, ...own({ filled: false, awaited: ['operator-b', 'operator-c'] }) })).toMatchObject([
      {
        code: 'OPERATOR_UNFILLED',
        cause: expect.stringMatching(/heard of operator-b, operator-c/) as string,
        nextStep: expect.stringMatching(/--restored alone/) as string,
      },
    ]);
  });

  test('files that are under way are said to be, and where they are all that lack, nothing is to be mended', () => {
    const told = (facts: Partial<HealthFacts>): string => faultLines(faultsOf({ ...well, ...facts }));
    expect(told(one({ filesBehind: 1, filesLeaving: 1, lagMs: 34_000 }))).toBe(
      '\nFault PEER_BEHIND: operator-b lacks 1 file of this operator for 34 s; 1 of them is under way. Next: wait: its rows are being sent or stored',
    );
    expect(told(one({ filesAhead: 5, filesArriving: 2, lagMs: 34_000 }))).toMatch(
      /lacks 5 files of operator-b for 34 s; 2 of them are under way\. Next: see the consumer/,
    );
  });

  test('what passes by itself in a moment, or is no fault, is none', () => {
    for (const facts of [
      one({ filesBehind: 3, lagMs: 500 }),
      one({ connected: false, lastError: 'gone' }),
      view({ clockAheadMs: undefined, processes: undefined }),
      view({ inCluster: false, processes: { operator: false, distributor: false, consumer: false } }),
      own({ distributor: false, consumer: undefined, peers: [] }),
      { hasNetwork: false, ...ledger({ mayAppend: false }) },
      ledger({ ownAheadMs: 60_000 }),
    ])
      expect(faultsOf({ ...well, ...facts })).toEqual([]);
  });

  test('lines: cause and next step, a cause elsewhere where it must be without the letters "not", many of a kind counted', () => {
    const faults = faultsOf({ ...well, disk: disk('failing', 'cannot write | EIO') });
    expect(faultLines(faults)).toMatch(/^\nFault DISK_FAILING: cannot write {3}EIO\. Next: check the disk/);
    expect(faultLines(faults, true)).toMatch(/^\nFault DISK_FAILING: see why by: get processes\. Next: check/);
    const plain = faultsOf({ ...well, disk: disk('failing', 'EIO in /d/a.json') });
    expect(faultLines(plain, true)).toMatch(/^\nFault DISK_FAILING: EIO in \/d\/a\.json\. Next: check/);
    for (const [facts] of Object.values(CASES))
      expect(faultLines(faultsOf({ ...well, ...facts }), true)).not.toMatch(/not/i);
    // What is said in our own words needs none of them.
    for (const code of ['INVITE_VOID', 'CONSUMER_OFF', 'LEDGER_WITHOUT_INDEX', 'ARCHIVE_FILES_WAIT'] as const)
      expect(faultLines(faultsOf({ ...well, ...CASES[code][0] }), true)).not.toContain('see why by');
    const gone = faultsOf({ ...well, ...CASES.PEER_UNREACHED[0] });
    expect(faultLines(gone, true)).toMatch(
      /^\nFault PEER_UNREACHED: operator-b at \S+ is out of reach, tried \d+ times: ECONNREFUSED\. Next: start/,
    );
    const [dialled] = CASES.PEER_UNREACHED[0].dialled ?? [];
    for (const error of [wrongPeerFault('10.0.0.2:1', undefined), twinFault('10.0.0.2:1'), expelledFault('10.0.0.2:1')])
      expect(faultLines(faultsOf({ ...well, dialled: [{ ...dialled!, lastError: error.message }] }), true)).toContain(
        error.message,
      );
    const failed = faultsOf({ ...well, ...own({ failures: [{ ...failure, text: 'line 3: not a number' }] }) });
    expect(faultLines(failed, true)).toMatch(
      /1 file of the last day lies in .*, newest \/e\/a\.json: line 3: …\. Next: see: get tsd/,
    );
    const hostile = faultsOf({ ...well, disk: disk('failing', 'a\nFault X: b') });
    expect(faultLines(hostile)).toMatch(/^\nFault DISK_FAILING: a\\nFault X: b\. Next: check/);
    const damaged = Array.from({ length: 8 }, (_, offset) => ({
      file: 'f',
      offset,
      author: undefined,
      seq: undefined,
    }));
    expect(faultLines(faultsOf({ ...well, ...ledger({ damaged }) })).split('\n')).toHaveLength(1 + 5 + 1);
  });
});

describe('where the policies of a node say that it is', () => {
  const changeFor = (...[listen, hosts, port]: Parameters<typeof at>): string | undefined =>
    /and policy = (.*)$/.exec(faultsOf({ ...well, ...at(listen, hosts, port) })[0]?.nextStep ?? '')?.[1];

  test.each([
    ['10.0.0.1:1', ['10.0.0.1'], 1],
    ['0.0.0.0:1', ['10.1.0.1'], 1],
    ['[::]:1', ['203.0.113.9', '10.0.0.1'], 1],
    ['[::1]:1', ['::1'], 1],
    // Translated on the way: what it comes to is for nobody here to know.
    ['10.0.0.1:1', ['203.0.113.9'], 7],
    ['10.0.0.1:1', ['node-a.example.org'], 7],
  ] as const)('%s is %j, port %i', (listen, hosts, port) => expect(changeFor(listen, hosts, port)).toBeUndefined());

  test.each([
    ['0.0.0.0:1', ['10.1.0.1'], 7, '{"operator":{"port":1}}'],
    ['10.0.0.1:1', ['203.0.113.9', '10.0.0.1'], 7, '{"operator":{"port":1}}'],
    ['127.0.0.1:1', ['10.0.0.1'], 1, '{"operator":{"ip":"127.0.0.1"}}'],
    ['[::1]:1', ['10.0.0.1'], 7, '{"operator":{"ip":"::1","port":1}}'],
  ] as const)('%s is not %j, port %i', (listen, hosts, port, change) =>
    expect(changeFor(listen, hosts, port)).toBe(change),
  );
});

describe('errors that follow from a refusal of other nodes', () => {
  const noNetwork = fault('LEDGER_NO_NETWORK', 'this node belongs to no network yet', { hint: 'start with --seed' });
  const denied = fault('POLICY_NOT_AUTHORISED', 'this node may not write', { hint: 'ask an admin' });

  test('no network, and the seed admits by invite', () => {
    expect(withRefusal(noNetwork, [refusal('JOIN_NO_INVITE')])).toMatchObject({
      code: 'LEDGER_NO_NETWORK',
      hint: expect.stringMatching(/10\.0\.0\.5:1 admits by invite.*create invite.*--invite/) as string,
    });
  });

  test('no right to write, and the key was revoked', () => {
    expect(withRefusal(denied, [refusal('JOIN_REVOKED')])).toMatchObject({
      code: 'POLICY_NOT_AUTHORISED',
      message: "this node may not write; this node's key was revoked, says the node at 10.0.0.5:1",
      hint: 'ask an admin',
    });
  });

  test('a query that nobody answers, and the key was revoked, as several say', () => {
    const unanswered = fault('QUERY_CLUSTER_UNAVAILABLE', 'no operator answered', { hint: 'start an operator' });
    const [one, other] = ['root-n', undefined].map((name, at) => ({
      ...{ ...refusal('JOIN_REVOKED'), name, peer: `${at}`.repeat(64), dialled: false },
    }));
    expect(withRefusal(unanswered, [one!, { ...one! }, other!])).toMatchObject({
      code: 'QUERY_CLUSTER_UNAVAILABLE',
      message: "no operator answered; this node's key was revoked, say root-n, the node 1111111111111111…",
      hint: expect.stringMatching(
        /^ask an admin for a new invite.*; where that is wrong: start an operator$/,
      ) as string,
    });
    const many = Array.from({ length: 8 }, (_, at) => ({ ...refusal('JOIN_REVOKED'), name: `n${at}` }));
    expect(faultsOf({ ...well, refusals: many })).toMatchObject([
      { code: 'KEY_REVOKED', cause: expect.stringMatching(/, say n0, n1, n2, n3, n4, 3 more$/) as string },
    ]);
  });

  test('what fails with who admits by invite alone follows from that, for a node without a network', () => {
    const all = [refusal('JOIN_NO_INVITE'), refusal('INTRODUCE_BUSY')].map((each, at) => ({ ...each, peer: `p${at}` }));
    expect([...refusing(all, false)]).toEqual(['p0']);
    expect([...refusing(all, true)]).toEqual([]);
  });

  test('any other stays as it is', () => {
    expect(withRefusal(noNetwork, [refusal('JOIN_REVOKED')])).toBe(noNetwork);
    expect(withRefusal(denied, [refusal('JOIN_NO_INVITE')])).toBe(denied);
    expect(withRefusal(noNetwork, [])).toBe(noNetwork);
  });
});
