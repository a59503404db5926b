import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { plotAnswered } from './plot.mjs'
import { MISHAPS, MOMENTS } from './promises.mjs'
import { comparisonTable, countsTable, promisesTable } from './tables.mjs'

const PAGE = fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url))
const PLOT = fileURLToPath(new URL('../../docs/images/calls-answered.svg', import.meta.url))

/** As the page calls them. */
const DATABASES = {
  coordinated: '`withOAuthDatabase`',
  records: 'records only',
  uncoordinated: 'naive',
}

/**
 * Puts the tables of these runs into docs/guarantees.md, between the comments that mark their places, and draws the plot. Databases are
 * compared if there are runs with each of them.
 */
export async function writePage(runs) {
  const own = runs.filter(({ database }) => database === 'coordinated')
  // Processes of outages have no client that registers and logs in.
  const withClient = runs.filter(({ expected }) => Object.keys(expected).length > 0)
  const tables = {
    mishaps: promisesTable(MISHAPS, own),
    moments: promisesTable(MOMENTS, own),
    counts: countsTable(withClient.filter(({ database }) => database === 'coordinated')),
  }
  const compared = withClient.filter((run) => hasAllDatabases(withClient, run))
  if (compared.length > 0) {
    tables.comparison = comparisonTable(compared, DATABASES)
    await writeFile(PLOT, plotAnswered(compared))
  }
  let text = await readFile(PAGE, 'utf8')
  for (const [name, rows] of Object.entries(tables)) text = replaceBetween(text, name, rows)
  await writeFile(PAGE, text)
}

function hasAllDatabases(runs, { name, processes }) {
  const same = runs.filter((run) => run.name === name && run.processes === processes)
  return new Set(same.map(({ database }) => database)).size === Object.keys(DATABASES).length
}

function replaceBetween(text, name, content) {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start === -1 || stop === -1) throw new Error(`docs/guarantees.md has no place for ${name}`)
  return text.slice(0, start + begin.length) + content + text.slice(stop)
}
