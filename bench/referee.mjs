import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { temporaryFolder } from '../scripts/cleanup.mjs'
import { installRedis } from '../scripts/install.mjs'
import { startPrivateRedis } from '../scripts/private-redis.mjs'
import { numberAbove0, runScript, wordsAmong } from '../scripts/run-script.mjs'
import { allCounts } from './referee/counts.mjs'
import { plotCalls } from './referee/plot.mjs'

/** Loaded when it is needed: what only asks for help needs no build. */
const loadReferee = () => createRequire(import.meta.url)('../dist/referee.js')

const CLIENT = fileURLToPath(new URL('../test/support/referee/mcp-client.mjs', import.meta.url))
const DATA = fileURLToPath(new URL('./results/referee.json', import.meta.url))
const PLOT = fileURLToPath(new URL('../docs/images/referee.svg', import.meta.url))

const VERSIONS = ['v1', 'v2']
const STORAGES = ['memory', 'file', 'redis']

const USAGE = `node bench/referee.mjs      has the referee judge fleets of the MCP SDK's clients

  --processes 8,32           sizes of the fleets (8,32)
  --versions v1,v2           of the SDK (both)
  --storage redis            of ${STORAGES.join(', ')} (all): in each process, a shared file, this library
  --runs DIRECTORY           keeps each report there, and makes only those that are not there yet
  --write                    draws the plot of docs/referee.md, and puts all counts into bench/results`

async function main(values) {
  const sizes = values.processes.split(',').map((one) => numberAbove0('--processes', one))
  const versions = wordsAmong(VERSIONS, values.versions.split(','), 'version')
  const storages = wordsAmong(STORAGES, values.storage.split(','), 'storage')
  const { formatReport } = loadReferee()
  const redis = await startPrivateRedis(await installRedis())
  const directory = values.runs ?? (await temporaryFolder())
  await mkdir(directory, { recursive: true })
  const runs = []
  for (const processes of sizes) {
    for (const version of versions) {
      for (const storage of storages) {
        const file = join(directory, `${version}-${storage}-${processes}.json`)
        const report = await kept(file, () => judge({ processes, version, storage, redis }))
        console.log(`\n${version}, ${storage}, ${processes}\n\n${formatReport(report)}`)
        runs.push({ processes, version, storage, ...report })
      }
    }
  }
  if (values.write) {
    await writeFile(DATA, allCounts(runs))
    await writeFile(PLOT, plotCalls(runs))
  }
  const ours = runs.filter(({ storage }) => storage === 'redis')
  process.exitCode = ours.every(({ passed }) => passed) ? 0 : 1
}

function judge({ processes, version, storage, redis }) {
  return loadReferee().runReferee({
    command: [process.execPath, CLIENT, version, storage],
    processes,
    env: { REDIS_URL: redis.url },
    timeoutMs: 60_000,
    onScenario: ({ name, passed, tookMs }) =>
      console.error(`${version} ${storage} ${processes} ${name}: ${passed} in ${tookMs} ms`),
  })
}

async function kept(file, make) {
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text !== undefined) return JSON.parse(text)
  const report = await make()
  await writeFile(file, JSON.stringify(report))
  return report
}

await runScript({
  usage: USAGE,
  options: {
    processes: { type: 'string', default: '8,32' },
    versions: { type: 'string', default: VERSIONS.join(',') },
    storage: { type: 'string', default: STORAGES.join(',') },
    runs: { type: 'string' },
    write: { type: 'boolean', default: false },
  },
  main,
})
