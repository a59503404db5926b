import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { loadScenarios } from '../scenarios/scenarios.mjs'
import { barChart } from './bar-chart.mjs'
import { lineChart } from './line-chart.mjs'
import { rowsOfTargets, TARGETS_HEAD, tableOfGroup, toMarkdown } from './tables.mjs'

const DATA = 'benchmarks.json'
const PAGE = 'benchmarks.md'
const DRAW = { lines: lineChart, bars: barChart }

/** Results of earlier runs on the same machine, by scenario: a run of some scenarios renews only those. */
export async function readResults(directory, machine) {
  try {
    const { results } = JSON.parse(await readFile(join(directory, DATA), 'utf8'))
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
  await mkdir(join(directory, 'images'), { recursive: true })
  await writeFile(join(directory, DATA), `${JSON.stringify({ results }, rounded, 1)}\n`)
  const shown = Object.entries(scenarios).filter(([name]) => results[name] !== undefined)
  for (const [name, { charts = [] }] of shown) {
    for (const chart of charts) {
      const groups = results[name].groups.filter(({ title }) => chart.groups.includes(title))
      const path = join(directory, 'images', `${chart.file}.svg`)
      await writeFile(path, DRAW[chart.kind](chart, groups))
    }
  }
  await writeFile(join(directory, PAGE), pageOf(shown, results))
}

/** Page and plots from the numbers of earlier runs. */
export async function drawAgain(directory) {
  const { results } = JSON.parse(await readFile(join(directory, DATA), 'utf8'))
  await writeResults(directory, await loadScenarios(), results)
}

function rounded(_key, value) {
  return typeof value === 'number' && !Number.isInteger(value)
    ? Number(value.toPrecision(5))
    : value
}

const CONTENDERS = [
  ['', 'what it does'],
  ['this library', 'as it comes: reads of one turn joined to `MGET`, writes corked'],
  [
    "upstream's way",
    'a JSON record by `GET` and `SETEX`, one plain ioredis command each; written afresh',
  ],
  ['ioredis', '`GET` and `SET` of a text, with and without `enableAutoPipelining`'],
  [
    'ioredis, batched by hand (limit)',
    'reads of one turn as `MGET` of 64, writes corked; no time limits, checks or errors of its own',
  ],
  ['AES-256-GCM in memory (limit)', "a record through Node's cipher, and nothing else"],
  ['@keyv/redis', 'as published, over node-redis'],
  ['connect-redis', 'as published, over node-redis, one session a user'],
  ["the SDK's MemoryOAuthDb", 'of `@atxp/common`, with a silent logger'],
]

function pageOf(shown, results) {
  const targets = shown.flatMap(([name, { targets = [] }]) =>
    rowsOfTargets(targets, results[name].groups),
  )
  const { machine } = results[shown.at(-1)[0]]
  return [
    '# Benchmarks',
    'Made by `npm run bench`, which writes this page, its plots and [all numbers](benchmarks.json). It needs nothing but ' +
      'Node 20.19 and a free machine, starts its own Redis servers on the loopback, and fails when any contender gives a ' +
      'wrong answer. `npm run bench -- throughput listing` measures only those again; `--help` lists them.',
    machineOf(machine),
    'Each measurement is repeated in rounds, in which all contenders take turns. Tables show the median and, in brackets, ' +
      'the smallest and the largest. A ratio is taken within each round. Load generators that could stand in the way are ' +
      `processes of their own; they, the library and Redis share the ${machine.cores} cores.`,
    '## Contenders',
    toMarkdown(CONTENDERS, { isNumeric: false }),
    '## Targets',
    toMarkdown([TARGETS_HEAD, ...targets], { isNumeric: false }),
    ...shown.flatMap(([name, scenario]) => sectionOf(scenario, results[name])),
  ]
    .join('\n\n')
    .concat('\n')
}

function machineOf({ cpu, cores, memoryBytes, system, node, redis, packages, date }) {
  const memory = Math.round(memoryBytes / 2 ** 30)
  const versions = Object.entries(packages).map(([name, version]) => `${name} ${version}`)
  return (
    `Measured on ${date}: ${cores} cores of ${cpu}, ${memory} GiB, ${system}, Node ${node}, Redis ${redis}; ` +
    `${versions.join(', ')}.`
  )
}

function sectionOf({ title, says, charts = [] }, { groups, notes, rounds, machine }) {
  const { commit, load } = machine
  const circumstances = `${rounds} rounds at commit ${commit}; load of the machine before: ${load.toFixed(1)}.`
  const remarks = [circumstances, ...notes]
  return [
    `## ${title}`,
    says.replaceAll('\n', ' '),
    remarks.join(' '),
    ...charts.map(({ title, file }) => `![${title}](images/${file}.svg)`),
    ...groups.map((group) => `**${group.title}**\n\n${toMarkdown(tableOfGroup(group))}`),
  ]
}
