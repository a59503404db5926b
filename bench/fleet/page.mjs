import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { replaceBetween } from '../report/text.mjs'
import { plotAnswered } from './plot.mjs'
import { MISHAPS, MOMENTS } from './promises.mjs'
import { comparison, counts, markdown, promises, records } from './tables.mjs'

const PAGE = fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url))
const PLOT = fileURLToPath(new URL('../../docs/images/calls-answered.svg', import.meta.url))
const DATA = fileURLToPath(new URL('../results/fleet.json', import.meta.url))

const DATABASES = ['coordinated', 'records', 'uncoordinated']

/**
 * Puts the promises and how often these runs kept them into docs/guarantees.md, between the comments that mark their places, all counts
 * into bench/results, and draws the plot. Databases are compared if there are runs with each of them.
 */
export async function writePage(runs) {
  const own = runs.filter(({ database }) => database === 'coordinated')
  let text = await readFile(PAGE, 'utf8')
  text = replaceBetween(text, 'mishaps', markdown(promises(MISHAPS, own)))
  text = replaceBetween(text, 'moments', markdown(promises(MOMENTS, own)))
  await writeFile(PAGE, text)

  const data = JSON.parse(await readFile(DATA, 'utf8'))
  // Processes of outages have no client that registers and logs in.
  const expecting = runs.filter(({ expected }) => Object.keys(expected).length > 0)
  const names = new Set(expecting.map(({ name }) => name))
  const withClient = runs.filter(({ name }) => names.has(name))
  data.counts = records(counts(withClient.filter(({ database }) => database === 'coordinated')))
  const compared = withClient.filter((run) => hasAllDatabases(withClient, run))
  if (compared.length > 0) {
    data.comparison = records(comparison(compared, DATABASES))
    await writeFile(PLOT, plotAnswered(compared))
  }
  await writeFile(DATA, `${JSON.stringify(data, null, 1)}\n`)
}

function hasAllDatabases(runs, { name, processes }) {
  const same = runs.filter((run) => run.name === name && run.processes === processes)
  return new Set(same.map(({ database }) => database)).size === DATABASES.length
}
