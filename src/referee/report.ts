import type { RefereeReport, ScenarioResult } from './run.js'

const HEADINGS = [
  'Scenario',
  'Registrations',
  'Logins',
  'Refreshes',
  'Spent tokens sent',
  'Families revoked',
  'Calls lost',
  'Result',
]

/**
 * A report as a Markdown table, and below it what is wrong.
 * @example
 * ```ts compile-only
 * import { formatReport, runReferee } from '@atxp/redis/referee'
 *
 * console.log(formatReport(await runReferee({ command: ['python3', 'client.py'] })))
 * ```
 */
export function formatReport({ scenarios }: RefereeReport): string {
  const rows = [HEADINGS, ...scenarios.map(cellsOf)]
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => cell(row, column).length)),
  )
  const lines = rows.map((row) => line(widths.map((width, at) => pad(cell(row, at), width, at))))
  lines.splice(
    1,
    0,
    line(widths.map((width, at) => `${'-'.repeat(width - 1)}${at > 0 ? ':' : '-'}`)),
  )
  const problems = scenarios.flatMap(({ name, problems }) =>
    problems.map((problem) => `- ${name}: ${problem}`),
  )
  return [...lines, ...(problems.length > 0 ? ['', ...problems] : [])].join('\n')
}

function cellsOf(result: ScenarioResult): string[] {
  const { name, registrations, logins, refreshes, spentTokens, familiesRevoked } = result
  const { callsLost, callsMade, passed } = result
  const numbers = [registrations, logins, refreshes, spentTokens, familiesRevoked].map(String)
  return [name, ...numbers, `${callsLost} of ${callsMade}`, passed ? 'passed' : 'failed']
}

const cell = (row: readonly string[], column: number): string => row[column] ?? ''
const pad = (text: string, width: number, column: number): string =>
  column === 0 ? text.padEnd(width) : text.padStart(width)
const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
