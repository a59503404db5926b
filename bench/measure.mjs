import {
  bold,
  box,
  count,
  dim,
  duration,
  green,
  isLive,
  print,
  yellow,
} from '../scripts/terminal.mjs'
import { describeMachine } from './machine.mjs'
import { missedOf, replaceGroups } from './report/missed.mjs'
import { readAllResults, readResults, writeResults } from './report/page.mjs'
import { judge, rowOfTarget, TARGETS_HEAD, tableOfGroup, toText } from './report/tables.mjs'
import { loadScenarios } from './scenarios/scenarios.mjs'
import { Session } from './session.mjs'

/**
 * Runs the named scenarios, prints what they gave, and writes page, plots and numbers to the directory.
 * @param options.isMissedOnly - only what fell short of a target
 */
export async function measure({ names, directory, redisServer, isMissedOnly, ...options }) {
  const { seconds, rounds, isShort } = options
  const started = performance.now()
  const machine = await describeMachine(redisServer)
  introduce(machine, isShort)
  const scenarios = await loadScenarios()
  const session = new Session({ redisServer, seconds, rounds, isShort })
  const results = await readResults(directory, machine)
  for (const [place, name] of names.entries()) {
    const scenario = scenarios[name]
    session.begin(`${place + 1} of ${names.length}: ${scenario.title}`)
    if (isMissedOnly)
      session.only = new Set(missedOf(scenario.targets ?? [], results[name]?.groups ?? []))
    if (session.only?.size === 0) {
      print(dim('Nothing fell short that was not measured again.'))
      continue
    }
    const begun = performance.now()
    const { groups, notes } = await scenario.run(session)
    session.end()
    const measured = groups.filter(({ results }) => results !== undefined).map(toPlain)
    const { commit } = machine
    results[name] = isMissedOnly
      ? replaceGroups(results[name], measured, { seconds, rounds, commit })
      : { machine, seconds, rounds, notes, groups: measured }
    if (!isShort) show(scenario, results[name])
    print(dim(`This took ${duration(performance.now() - begun)}.`))
    // After each, so that an interrupted run leaves what it had.
    await writeResults(directory, scenarios, results)
  }
  const shown = names.filter((name) => results[name] !== undefined)
  conclude(shown, scenarios, results, { isShort, directory, started })
}

/** Prints what earlier runs measured. */
export async function showTables(directory, names) {
  const scenarios = await loadScenarios()
  const results = await readAllResults(directory)
  for (const name of names.filter((name) => results[name] !== undefined)) {
    print(`\n${bold(scenarios[name].title)}`)
    show(scenarios[name], results[name])
  }
}

function introduce({ cpu, cores, node, redis, load }, isShort) {
  const what = isShort ? 'benchmark, only whether all answers are right' : 'benchmark'
  const lines = [
    `${bold('@atxp/redis')} ${what}`,
    dim(`${cores} cores of ${cpu}, Node ${node}, Redis ${redis}`),
  ]
  print(isLive ? box(lines) : lines.join('\n'))
  if (load > cores / 4 && !isShort) {
    print(yellow(`The machine is busy (load ${load.toFixed(1)}): ratios will scatter.`))
  }
}

function toPlain({ results, ...group }) {
  return { ...group, results: Object.fromEntries(results) }
}

function show({ targets = [] }, { groups, notes }) {
  for (const group of groups) print(`\n${bold(group.title)}\n${toText(tableOfGroup(group))}`)
  if (targets.length > 0) {
    print(`\n${toText([TARGETS_HEAD, ...judge(targets, groups).map(rowOfTarget)])}`)
  }
  for (const note of notes) print(dim(note))
}

function conclude(names, scenarios, results, { isShort, directory, started }) {
  const time = duration(performance.now() - started)
  if (isShort) {
    const contenders = names.flatMap((name) =>
      results[name].groups.flatMap((group) => Object.keys(group.results)),
    )
    print(
      `\n${green('✓')} ${count(contenders.length)} right answers in ${names.length} scenarios, ${time}`,
    )
    return
  }
  const verdicts = names.flatMap((name) =>
    judge(scenarios[name].targets ?? [], results[name].groups),
  )
  const reached = verdicts.filter(({ isReached }) => isReached).length
  print(`\n${reached} of ${verdicts.length} targets reached, ${time}; ${dim(`see ${directory}`)}`)
}
