import {
  formatReport,
  type RefereeReport,
  runReferee,
  type ScenarioName,
} from '@atxp/redis/referee'

export async function judge(scenarios: ScenarioName[]): Promise<boolean> {
  const report: RefereeReport = await runReferee({
    command: ['node', 'client.mjs'],
    processes: 8,
    scenarios,
    onScenario: ({ name, callsLost, problems }) => `${name}: ${callsLost} ${problems.join()}`,
  })
  return formatReport(report) !== '' && report.passed
}
