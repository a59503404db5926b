import { placeOf } from '../load/contender-processes.mjs'
import { Worker } from '../load/worker.mjs'
import { percentile } from '../stats.mjs'

const READERS = [
  ['idle', 'ours-cached', 0],
  ['with 64 callers that read', 'ours-cached', 64],
  ['told by read keys, idle', 'ours-cached-by-key', 0],
  ['told by read keys, with 64 callers', 'ours-cached-by-key', 64],
]

/** How old a cached read may be. */
export const scenario = {
  title: 'Staleness of cached reads',
  says: `One process writes a record that another has cached. Time from the acknowledgement to the other's first read of the new value; 0
if it was first.`,
  charts: [],
  run,
}

async function run(session) {
  const redis = await session.startRedis()
  const count = session.size(100, 10)
  const place = placeOf(redis, 0)
  const writer = new Worker('staleness')
  await writer.call('open', { name: 'ours-cached', place, count })
  const versions = new Array(count).fill(0)
  for (let index = 0; index < count; index += 1) await writer.call('write', index, 0)
  const readers = new Map()
  for (const [title, name, callers] of READERS) {
    const reader = new Worker('staleness')
    await reader.call('open', { name, place, count })
    readers.set(title, { reader, callers })
  }
  const title = 'from the acknowledged write to the new value'
  const results = await session.alternate(title, [...readers.keys()], async (name) => {
    const { reader, callers } = readers.get(name)
    await reader.call('load', callers)
    const delaysMs = []
    for (let sample = 0; sample < session.size(300, 10); sample += 1) {
      const index = sample % count
      versions[index] += 1
      delaysMs.push(await measure(writer, reader, index, versions[index]))
    }
    await reader.call('load', 0)
    delaysMs.sort((one, other) => one - other)
    return {
      p50Ms: percentile(delaysMs, 0.5),
      p99Ms: percentile(delaysMs, 0.99),
      maxMs: delaysMs.at(-1),
    }
  })
  for (const worker of [writer, ...[...readers.values()].map(({ reader }) => reader)]) {
    await worker.call('close')
    await worker.end()
  }
  return { groups: [{ title, metrics: ['p50Ms', 'p99Ms', 'maxMs'], results }], notes: [] }
}

async function measure(writer, reader, index, version) {
  await reader.call('read', index)
  const seeing = reader.call('watch', index, version)
  // Its answer says that the reader is at it.
  await reader.call('read', index)
  const acknowledgedAt = await writer.call('write', index, version)
  const seenAt = await seeing
  return Math.max(0, Number(seenAt - acknowledgedAt) / 1_000_000)
}
