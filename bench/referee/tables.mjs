/** As the page calls them. */
export const STORAGES = { memory: 'in memory', file: 'a file', redis: '`@atxp/redis/mcp`' }

const COUNTS = [
  ['registrations', 'registrations'],
  ['logins', 'logins'],
  ['refreshes', 'refreshes'],
  ['spentTokens', 'spent tokens sent'],
  ['familiesRevoked', 'families revoked'],
]

/** One row a scenario, fleet and version: with each storage, logins, families revoked, and calls lost. */
export function comparisonTable(runs) {
  const storages = Object.keys(STORAGES).filter((one) => runs.some((run) => run.storage === one))
  const shapes = [...new Set(runs.map(({ processes, version }) => `${processes} ${version}`))]
  const rows = namesIn(runs).flatMap((name) =>
    shapes.map((shape) => {
      const [processes, version] = shape.split(' ')
      const cells = storages.map((storage) => {
        const run = runs.find(
          (one) => one.storage === storage && `${one.processes} ${one.version}` === shape,
        )
        return run === undefined ? '' : outcome(resultOf(run, name))
      })
      return [name, processes, version, ...cells]
    }),
  )
  return table(['scenario', 'processes', 'SDK', ...storages.map((one) => STORAGES[one])], rows)
}

function outcome({ passed, logins, familiesRevoked, callsLost, callsMade }) {
  const text = `${logins}, ${familiesRevoked}, ${callsLost} of ${callsMade}`
  return passed ? `**${text}**` : text
}

/** All that was counted of this library. */
export function countsTable(runs) {
  const ours = runs.filter(({ storage }) => storage === 'redis')
  const rows = namesIn(ours).flatMap((name) =>
    ours.map((run) => {
      const result = resultOf(run, name)
      const counts = COUNTS.map(([key]) => result[key])
      const lost = `${result.callsLost} of ${result.callsMade}`
      return [name, run.processes, run.version, ...counts, lost, result.passed ? 'yes' : 'no']
    }),
  )
  const heads = ['scenario', 'processes', 'SDK', ...COUNTS.map(([, head]) => head)]
  return table([...heads, 'calls lost', 'passed'], rows)
}

export const resultOf = (run, name) => run.scenarios.find((result) => result.name === name)

export const namesIn = ([first]) => first?.scenarios.map(({ name }) => name) ?? []

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}
