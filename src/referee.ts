export { formatReport } from './referee/report.js'
export {
  type RefereeOptions,
  type RefereeReport,
  runReferee,
  type ScenarioResult,
} from './referee/run.js'
export type { Counts, ScenarioName } from './referee/scenarios.js'
