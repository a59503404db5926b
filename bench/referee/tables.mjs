/** As the page calls them. */
export const STORAGES = { memory: 'in memory', file: 'a file', redis: '`@atxp/redis/mcp`' }

/** One row a scenario, of the smallest fleet and the newest SDK: with each storage, what `outcome` says. */
export function comparisonTable(runs) {
  const shown = ofOneShape(runs)
  const storages = Object.keys(STORAGES).filter((one) => shown.some((run) => run.storage === one))
  const rows = namesIn(shown).map((name) => [
    name,
    ...storages.map((one) => {
      const run = shown.find(({ storage }) => storage === one)
      return outcome(resultOf(run, name))
    }),
  ])
  return table(['scenario', ...storages.map((one) => STORAGES[one])], rows)
}

/** Those of the smallest fleet and the newest SDK. */
export function ofOneShape(runs) {
  const processes = Math.min(...runs.map((run) => run.processes))
  const version = runs
    .map((run) => run.version)
    .sort()
    .at(-1)
  return runs.filter((run) => run.processes === processes && run.version === version)
}

/** One line of JSON for each scenario, fleet, version and storage. */
export function allCounts(runs) {
  const lines = runs.flatMap(({ processes, version, storage, scenarios }) =>
    scenarios.map(
      ({ name, registrations, logins, refreshes, familiesRevoked, callsLost, passed }) =>
        JSON.stringify({
          scenario: name,
          processes,
          version,
          storage,
          registrations,
          logins,
          refreshes,
          familiesRevoked,
          callsLost,
          passed,
        }),
    ),
  )
  return `[\n${lines.map((line) => ` ${line}`).join(',\n')}\n]\n`
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
