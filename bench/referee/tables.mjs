/** As the page calls them. */
export const STORAGES = { memory: 'in memory', file: 'a file', redis: '`@atxp/redis/mcp`' }

/** One row a scenario, fleet and version: with each storage, registrations, logins, refreshes, families revoked, and calls lost. */
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

function outcome(result) {
  const { registrations, logins, refreshes, familiesRevoked, callsLost, passed } = result
  const text = [registrations, logins, refreshes, familiesRevoked, callsLost].join(', ')
  return passed ? `**${text}**` : text
}

export const resultOf = (run, name) => run.scenarios.find((result) => result.name === name)

export const namesIn = ([first]) => first?.scenarios.map(({ name }) => name) ?? []

function table(heads, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n')
}
