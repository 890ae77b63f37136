import type { CampaignReport, Tally } from './campaign.ts';

/** Whether a promise was broken: something was lost or doubled, or the nodes did not come back. */
export const isBroken = ({ failures }: CampaignReport): boolean => failures.length > 0;

const sumOf = (tallies: readonly Tally[]): Tally => ({
  tried: tallies.reduce((sum, { tried }) => sum + tried, 0),
  lost: tallies.reduce((sum, { lost }) => sum + lost, 0),
  doubled: tallies.reduce((sum, { doubled }) => sum + doubled, 0),
  policies: tallies.reduce((sum, { policies }) => sum + policies, 0),
  stuck: tallies.reduce((sum, { stuck }) => sum + stuck, 0),
  recoveredMsMax: Math.max(0, ...tallies.map(({ recoveredMsMax }) => recoveredMsMax)),
});

/** Prints what was tried and what came of it as a table, or as one JSON line. */
export const printReport = (report: CampaignReport, json: boolean): void => {
  const all = sumOf(Object.values(report.faults));
  if (json) {
    console.log(JSON.stringify({ ...report, total: all }));
    return;
  }
  const cells = ({ tried, lost, doubled, policies, stuck, recoveredMsMax }: Tally): string =>
    [tried, lost, doubled, policies, stuck, `${(recoveredMsMax / 1_000).toFixed(1)} s`]
      .map((value) => `${value}`.padStart(9))
      .join('');
  const titles = ['tried', 'lost', 'doubled', 'policies', 'stuck', 'longest']
    .map((title) => title.padStart(9))
    .join('');
  console.log(`\n${'fault'.padEnd(32)}${titles}`);
  for (const [name, tally] of Object.entries(report.faults)) console.log(`${name.padEnd(32)}${cells(tally)}`);
  console.log(`${'all'.padEnd(32)}${cells(all)}`);
  console.log(
    `\nrows written ${report.rowsWritten}, acknowledged ${report.rowsAcknowledged}, lost ${all.lost}, doubled ${all.doubled}; ` +
      `policies acknowledged ${report.policiesAcknowledged}`,
  );
  console.log(`seed ${report.seed}; killed at ${report.reach}`);
  for (const failure of report.failures) console.log(`BROKEN ${failure}`);
};
