import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { titleOf } from '../contenders/contenders.mjs'
import { loadScenarios } from '../scenarios/scenarios.mjs'
import { barChart } from './bar-chart.mjs'
import { lineChart } from './line-chart.mjs'
import { ratioChart } from './ratio-chart.mjs'
import { speedOf } from './speed.mjs'
import { judge, ratiosByCallers, rowOfTarget, tableOfGroup, toMarkdown } from './tables.mjs'
import { replaceBetween } from './text.mjs'

/** Of each obstacle. */
const SHOWN_MISSES = 1

const DRAW = { lines: lineChart, bars: barChart, ratios: ratioChart }

/** Where numbers, page and plots stand under a directory, which is the project's root or a scratch one. */
function placesUnder(directory) {
  return {
    data: join(directory, 'bench', 'results', 'benchmarks.json'),
    page: join(directory, 'docs', 'benchmarks.md'),
    images: join(directory, 'docs', 'images'),
    readme: join(directory, 'README.md'),
  }
}

/** Results of earlier runs, by scenario. */
export async function readAllResults(directory) {
  return JSON.parse(await readFile(placesUnder(directory).data, 'utf8')).results
}

/** Results of earlier runs on the same machine: a run of some scenarios renews only those. */
export async function readResults(directory, machine) {
  try {
    const results = await readAllResults(directory)
    const isSame = (one) =>
      ['cpu', 'cores', 'node', 'redis'].every((key) => one[key] === machine[key])
    return Object.fromEntries(Object.entries(results).filter(([, { machine }]) => isSame(machine)))
  } catch (error) {
    if (error.code === 'ENOENT') return {}
    throw error
  }
}

/** Writes the numbers, and the page and the plots that are made from them. */
export async function writeResults(directory, scenarios, results) {
  const { data, page, images, readme } = placesUnder(directory)
  for (const folder of [dirname(data), images]) await mkdir(folder, { recursive: true })
  await writeFile(data, `${JSON.stringify({ results }, rounded, 1)}\n`)
  const shown = Object.entries(scenarios).filter(([name]) => results[name] !== undefined)
  for (const [name, scenario] of shown) {
    for (const { chart, groups } of chartsOf(scenario, results[name])) {
      await writeFile(join(images, `${chart.file}.svg`), DRAW[chart.kind](chart, groups))
    }
  }
  await writeFile(page, pageOf(shown, results))
  const speed = speedOf(results)
  if (speed === undefined || !existsSync(readme)) return
  const text = await readFile(readme, 'utf8')
  await writeFile(readme, replaceBetween(text, 'speed', speed))
}

/** The plots of a scenario that something was measured for, each with that. */
function chartsOf({ charts = [] }, { groups }) {
  return charts
    .map((chart) => {
      const titles = chart.groups ?? chart.series.flatMap(({ groups }) => groups)
      return { chart, groups: groups.filter(({ title }) => titles.includes(title)) }
    })
    .filter(({ groups }) => groups.length > 0)
}

/** Page and plots from the numbers of earlier runs. */
export async function drawAgain(directory) {
  await writeResults(directory, await loadScenarios(), await readAllResults(directory))
}

function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value
}

const CONTENDERS = `- ioredis: \`GET\` and \`SET\` of a text, with and without \`enableAutoPipelining\`
- ioredis, batched by hand (limit): \`MGET\` of 64, corked writes; no time limits, checks or errors
- AES-256-GCM in memory (limit): a record through Node's cipher
- @keyv/redis, connect-redis: as published, over node-redis`

function pageOf(shown, results) {
  const verdicts = shown.flatMap(([name, { targets = [] }]) => judge(targets, results[name].groups))
  const answers = shown.flatMap(([name, scenario]) => {
    const { answer } = scenario
    return [
      ...(answer === undefined ? [] : [toMarkdown(ratiosByCallers(answer, results[name].groups))]),
      ...imagesOf(scenario, results[name], true),
    ]
  })
  const { machine } = results[shown.at(-1)[0]]
  const { rounds } = results[shown[0][0]]
  return [
    '# Benchmarks',
    "How fast, as a multiple of a plain ioredis implementation (*upstream's way*: JSON, `GET`/`SETEX`). Medians, mostly of " +
      `${rounds} rounds; in brackets the smallest and the largest.`,
    ...answers,
    '`npm run bench` writes this page; `-- --tables` prints every number.',
    machineOf(machine),
    'Contenders take turns in each round; load generators and Redis share the cores.',
    CONTENDERS,
    '## Targets',
    sumUp(
      verdicts,
      shown.flatMap(([name]) => results[name].groups),
    ),
    byObstacle(verdicts.filter(({ isReached }) => !isReached).map(rowOfTarget)).join('\n'),
    ...shown.flatMap(([name, scenario]) => sectionOf(scenario, results[name])),
  ]
    .join('\n\n')
    .concat('\n')
}

function sumUp(verdicts, groups) {
  const reached = verdicts.filter(({ isReached }) => isReached)
  const withinScatter = reached.filter(({ scatter }) => scatter !== undefined).length
  const again = groups.flatMap(({ again }) => again ?? [])
  const rounds = [...new Set(again.map(({ rounds }) => rounds))].join(' or ')
  return [
    `${reached.length} of ${verdicts.length} targets are reached`,
    withinScatter > 0 ? `, ${withinScatter} within the scatter of upstream's way` : '',
    again.length > 0
      ? `; ${again.length} measurements that fell short were repeated in ${rounds} rounds`
      : '',
    '. The others, target in brackets:',
  ].join('')
}

/** What was measured of what was aimed at, in a line for each obstacle; `--tables` prints the others. */
function byObstacle(missed) {
  const obstacles = [...new Set(missed.map((row) => row.at(-1)))]
  return obstacles.map((obstacle) => {
    const rows = missed.filter((row) => row.at(-1) === obstacle)
    const shapes = rows.map(([what, bound, measured]) => {
      const [median] = measured.split(' ')
      const target = bound
        .replace(/, by .*$/, '')
        .replace(` times ${titleOf('upstream')}`, '')
        .replace(/ p\d\d, /, ' ')
      return `${what.replace(`: ${titleOf('ours')}`, '')} ${median} (${target})`
    })
    const more = shapes.length > SHOWN_MISSES ? `; ${shapes.length - SHOWN_MISSES} more` : ''
    const cause = obstacle.replace('**not reached**: ', '')
    return `- ${cause}: ${shapes.slice(0, SHOWN_MISSES).join('; ')}${more}.`
  })
}

function machineOf({ cpu, cores, memoryBytes, system, node, redis, packages, date }) {
  const memory = Math.round(memoryBytes / 2 ** 30)
  return `Measured on ${date}: ${cores} cores of ${cpu}, ${memory} GiB, ${system}, Node ${node}, Redis ${redis}, ioredis ${packages.ioredis}.`
}

/** @param isAnswer - those with which the page begins, or the others */
function imagesOf(scenario, results, isAnswer) {
  return chartsOf(scenario, results)
    .filter(({ chart }) => (chart.isAnswer ?? false) === isAnswer)
    .map(({ chart: { title, file } }) => `![${title}](images/${file}.svg)`)
}

function sectionOf(scenario, results) {
  const { title, says, charts = [] } = scenario
  const { groups, notes } = results
  return [
    `## ${title}`,
    [says.replaceAll('\n', ' '), ...notes].join(' '),
    ...imagesOf(scenario, results, false),
    // A plot says it sooner; its numbers stand in the results.
    ...(charts.length > 0 ? [] : groups.map((group) => toMarkdown(tableOfGroup(group)))),
  ]
}
