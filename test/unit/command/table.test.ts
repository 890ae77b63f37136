import { describe, expect, it } from 'vitest';
import { hoursMinutesSeconds, renderTable } from '../../../src/command/table.ts';

/** The documents cut the blanks at the end of some title lines; each title is as wide as its column and a blank. */
const withTitleBlanks = (text: string): string =>
  text
    .split('\n')
    .map((line, index, lines) =>
      lines[index + 1]?.includes('-|') === true ? line.padEnd(lines[index + 1]!.length) : line,
    )
    .join('\n');

describe('documented layouts', () => {
  it('A.2 operators of a cluster', () => {
    expect(
      renderTable(
        ['IP', 'Port', 'Member', 'Status'],
        [
          ['139.162.126.241', 2048, { right: '206' }, 'active'],
          ['139.12.224.186', 2048, { right: '008' }, 'active'],
        ],
        { indent: 6 },
      ),
    ).toBe(`      IP              Port Member Status 
      ---------------|----|------|------|
      139.162.126.241|2048|   206|active|
      139.12.224.186 |2048|   008|active|`);
  });

  it('A.3 data nodes, repeats left blank', () => {
    const titles = [
      'Company',
      'DBMS',
      'Table',
      'Cluster ID',
      'Cluster Status',
      'Node Name',
      'Member ID',
      'External IP/Port',
      'Local IP/Port',
      'Main',
      'Node Status',
    ];
    const rows = [
      [
        'AnyLog Co.',
        'mydb',
        'data       ',
        'fed71895ee0161ffe92bb79f7e85791c',
        'active',
        'operator1',
        68,
        '192.168.0.138:32148',
        '',
        ' +',
        'active',
      ],
      [
        '',
        '',
        '',
        '6ca7df77cc8f4777cfd427dff870af5f',
        'active',
        'operator2',
        212,
        '192.168.0.138:32248',
        '',
        ' +',
        'active',
      ],
    ];
    expect(renderTable(titles, rows)).toBe(
      withTitleBlanks(`Company    DBMS Table       Cluster ID                       Cluster Status Node Name Member ID External IP/Port    Local IP/Port Main Node Status
----------|----|-----------|--------------------------------|--------------|---------|---------|-------------------|-------------|----|-----------|
AnyLog Co.|mydb|data       |fed71895ee0161ffe92bb79f7e85791c|active        |operator1|       68|192.168.0.138:32148|             | +  |active     |
          |    |           |6ca7df77cc8f4777cfd427dff870af5f|active        |operator2|      212|192.168.0.138:32248|             | +  |active     |`),
    );
  });

  it('A.4 test network', () => {
    expect(
      renderTable(
        ['Address', 'Node Type', 'Node Name', 'Status'],
        [['67.180.101.158:7848', 'operator', 'operator1      ', '   +']],
      ),
    ).toBe(
      withTitleBlanks(`Address             Node Type Node Name       Status
-------------------|---------|---------------|------|
67.180.101.158:7848|operator |operator1      |   +  |`),
    );
  });

  it('A.6 cluster setup', () => {
    const rows = [
      ['Operator', 'Running: distributor flag disabled'],
      ['Distributor', 'Running'],
      ['Consumer', 'Running'],
      ['Operator Name', 'water-plant-operator1'],
      ['Member ID', 84],
      ['Cluster ID', '64999c0d4d8762f67f6fe4f120c7a54b'],
      ['almgm.tsd_info', 'Defined'],
    ];
    expect(renderTable(['Functionality', 'Details'], rows)).toBe(
      withTitleBlanks(`Functionality  Details
--------------|----------------------------------|
Operator      |Running: distributor flag disabled|
Distributor   |Running                           |
Consumer      |Running                           |
Operator Name |water-plant-operator1             |
Member ID     |                                84|
Cluster ID    |64999c0d4d8762f67f6fe4f120c7a54b  |
almgm.tsd_info|Defined                           |`),
    );
  });

  it('A.7 cluster data: titles of two lines, a missing table is the number 0', () => {
    const text = renderTable(
      [
        ['Table                    ', ''],
        ['Node_84', '172.105.60.50:32148 '],
        ['Node_103', '172.233.107.121:32148 '],
      ],
      [
        ['cos.wp_analog', '70732/198991', 0],
        ['monitoring.syslog', '140848/3091063', '78262/1651776'],
      ],
    );
    const trimmed = text
      .split('\n')
      .map((line) => line.trimEnd())
      .join('\n');
    expect(trimmed).toBe(`Table                     Node_84              Node_103
                          172.105.60.50:32148  172.233.107.121:32148
-------------------------|--------------------|----------------------|
cos.wp_analog            |70732/198991        |                     0|
monitoring.syslog        |140848/3091063      |78262/1651776         |`);
  });

  it('A.9 summary of a TSD table', () => {
    const titles = [
      'DBMS',
      'Table',
      'Start Date',
      'From ID',
      'End Date',
      'To ID',
      'Files Count',
      'Source Count',
      'Status 1',
      'Status 2',
      'Total Rows',
    ];
    const rows = [
      ['monitoring', 'docker_insight', '2026-05-16 05:45:00', 1, '2026-05-21 20:30:41', 31023, 13357, 1, 2, 2, 131886],
    ];
    expect(renderTable(titles, rows)).toBe(
      `DBMS       Table          Start Date          From ID End Date            To ID Files Count Source Count Status 1 Status 2 Total Rows 
----------|--------------|-------------------|-------|-------------------|-----|-----------|------------|--------|--------|----------|
monitoring|docker_insight|2026-05-16 05:45:00|      1|2026-05-21 20:30:41|31023|      13357|           1|       2|       2|    131886|`,
    );
  });

  it('A.11 query status', () => {
    const titles = ['Job ', 'ID', 'Output', 'Run Time', 'Operator', 'Par', 'Status', 'Blocks', 'Rows', 'Command'];
    const rows = [
      [
        { right: '0001' },
        2,
        "['stdout']",
        '00:00:00',
        'All',
        '---',
        'Completed',
        3,
        3,
        'select count(*) from ping_sensor',
      ],
      ['', '', '', '00:00:00', '10.0.0.78:7848', { right: '0' }, 'Completed', 1, 1, ''],
    ];
    expect(renderTable(titles, rows))
      .toBe(`Job  ID Output     Run Time Operator       Par Status    Blocks Rows Command                          
----|--|----------|--------|--------------|---|---------|------|----|--------------------------------|
0001| 2|['stdout']|00:00:00|All           |---|Completed|     3|   3|select count(*) from ping_sensor|
    |  |          |00:00:00|10.0.0.78:7848|  0|Completed|     1|   1|                                |`);
  });

  it('A.12 processes', () => {
    expect(
      renderTable(
        ['Process', 'Status', 'Details'],
        [
          ['TCP', 'Running', 'Listening on: 24.23.250.144:7848 and 10.0.0.78:7848, Threads Pool: 6 '],
          ['Blockchain Sync', 'Not declared', ''],
        ],
        { indent: 4 },
      ),
    ).toBe(
      withTitleBlanks(`    Process         Status       Details
    ---------------|------------|---------------------------------------------------------------------|
    TCP            |Running     |Listening on: 24.23.250.144:7848 and 10.0.0.78:7848, Threads Pool: 6 |
    Blockchain Sync|Not declared|                                                                     |`),
    );
  });
});

describe('cells', () => {
  it('continues between words, and only one blank is lost at each end of a line', () => {
    const text = `${'word '.repeat(30)}${'x'.repeat(150)} end`;
    const cells = renderTable(['a'], [[text]])
      .split('\n')
      .slice(2)
      .map((line) => line.slice(0, -1).trimEnd());
    expect(cells.map((cell) => cell.length)).toEqual([99, 100, 100, 3]);
    expect(cells.join(' ').replaceAll(' ', '')).toBe(text.replaceAll(' ', ''));
  });

  it('continues after 100 characters with the other cells empty', () => {
    const lines = renderTable(['A', 'B'], [['x'.repeat(130), 7]]).split('\n');
    expect(lines.slice(2)).toEqual([`${'x'.repeat(100)}|7|`, `${'x'.repeat(30)}${' '.repeat(70)}| |`]);
  });

  it('lets no name forge a column or drive a terminal', () => {
    expect(
      renderTable(['Name'], [['a|b\u001b[31m\nc']])
        .split('\n')
        .at(-1),
    ).toBe('a¦b [31m c|');
  });

  it('shows nothing for what is not there', () => {
    expect(
      renderTable(['A', 'B'], [[undefined]])
        .split('\n')
        .at(-1),
    ).toBe(' | |');
  });

  it('counts characters, not code units', () => {
    expect(
      renderTable(['N'], [['😀'], ['ab']])
        .split('\n')
        .slice(2),
    ).toEqual(['😀 |', 'ab|']);
  });
});

it('prints spans of time', () => {
  expect([0, 61_000, 360_000_000, -5].map(hoursMinutesSeconds)).toEqual([
    '00:00:00',
    '00:01:01',
    '100:00:00',
    '00:00:00',
  ]);
});
