import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Redis } from 'ioredis'
import { openDatabase } from '../contenders/ours.mjs'
import { placeOf } from '../load/contender-processes.mjs'
import { makeRecords, RESOURCE, textOf, tokenOf } from '../load/records.mjs'
import { summarize } from '../stats.mjs'

const BARE = 'bare Node'
const KEY = 'bench:start-up'
const [RECORD] = makeRecords(1)
const TITLE = 'a new process until its first read'

const PROGRAMS = {
  [BARE]: ['bare'],
  'import of this library': ['import'],
  'this library': ['ours', RECORD.user, RESOURCE],
  ioredis: ['ioredis', KEY],
  "upstream's way": ['upstream', KEY],
}

/** What a short-lived process waits for. */
export const scenario = {
  title: 'Start-up',
  says: `What a process adds to the start of bare Node, until it has imported a library, connected and read one record.`,
  targets: [{ group: TITLE, of: 'this library', over: "upstream's way", atMost: 0.45 }],
  charts: [
    {
      kind: 'bars',
      file: 'benchmark-start-up',
      title: 'Added to the start of a process: milliseconds',
      groups: [TITLE],
      metric: 'addedMs',
    },
  ],
  run,
}

async function run(session) {
  const server = await session.startRedis()
  const { url } = placeOf(server, 0)
  await storeRecords(url)
  const names = Object.keys(PROGRAMS)
  const starts = session.size(9, 1)
  const measured = await session.alternate(TITLE, names, async (name) => {
    const runs = []
    for (let start = 0; start < starts; start += 1) runs.push(await startOnce(url, PROGRAMS[name]))
    return {
      ms: summarize(runs.map(({ ms }) => ms)).median,
      bytes: summarize(runs.map(({ bytes }) => bytes)).median,
    }
  })
  const bare = measured.get(BARE)
  const added = names.filter((name) => name !== BARE).map((name) => [name, measured.get(name)])
  const results = new Map(
    added.map(([name, rounds]) => [
      name,
      rounds.map(({ ms, bytes }, round) => ({
        addedMs: ms - bare[round].ms,
        ms,
        addedBytes: bytes - bare[round].bytes,
      })),
    ]),
  )
  const metrics = ['addedMs', 'ms', 'addedBytes']
  return { groups: [{ title: TITLE, metrics, baseline: "upstream's way", results }], notes: [] }
}

async function storeRecords(url) {
  const db = openDatabase({ url })
  await db.saveAccessToken(RECORD.user, RESOURCE, tokenOf(RECORD, 0))
  await db.close()
  const redis = new Redis(url)
  await redis.set(KEY, textOf(RECORD, 0))
  redis.disconnect()
}

/** What the process prints is the memory that it has when it has read its record. */
async function startOnce(url, [program, ...args]) {
  const file = fileURLToPath(new URL(`../processes/start-up/${program}.mjs`, import.meta.url))
  const begin = performance.now()
  const child = spawn(process.execPath, [file, url, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'close')
  let ms
  let output = ''
  child.stdout.on('data', (chunk) => {
    ms ??= performance.now() - begin
    output += chunk
  })
  await ended
  if (ms === undefined) throw new Error(`${program} did not read what was stored`)
  return { ms, bytes: Number(output) }
}
