import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { plotAnswered } from './plot.mjs'
import { comparisonTable, countsTable } from './tables.mjs'

const PAGE = fileURLToPath(new URL('../../docs/guarantees.md', import.meta.url))
const PLOT = fileURLToPath(new URL('../../docs/images/calls-answered.svg', import.meta.url))

/** As the page calls them. */
const DATABASES = {
  coordinated: '`withOAuthDatabase`',
  records: 'records only',
  uncoordinated: 'naive',
}

/** Puts the tables of these runs into docs/guarantees.md, between the comments that mark their places, and draws the plot. */
export async function writePage(runs) {
  const tables = {
    counts: countsTable(runs.filter(({ database }) => database === 'coordinated')),
    comparison: comparisonTable(runs, DATABASES),
  }
  let text = await readFile(PAGE, 'utf8')
  for (const [name, rows] of Object.entries(tables)) text = replaceBetween(text, name, rows)
  await writeFile(PAGE, text)
  await writeFile(PLOT, plotAnswered(runs))
}

function replaceBetween(text, name, content) {
  const [begin, end] = [`<!-- ${name} -->\n`, `\n<!-- end of ${name} -->`]
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)]
  if (start === -1 || stop === -1) throw new Error(`docs/guarantees.md has no place for ${name}`)
  return text.slice(0, start + begin.length) + content + text.slice(stop)
}
