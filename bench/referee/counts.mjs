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

export const resultOf = (run, name) => run.scenarios.find((result) => result.name === name)

export const namesIn = ([first]) => first?.scenarios.map(({ name }) => name) ?? []
