import { Worker } from './worker.mjs'

/** Where a contender keeps its records: each in a database of its own, so that none is in the way of another. */
export function placeOf({ port, tls }, db) {
  return { url: `${tls ? 'rediss' : 'redis'}://127.0.0.1:${port}/${db}`, tls }
}

/** A database of one server for each of the names. */
export function placesOn(redis, names) {
  return new Map(names.map((name, db) => [name, placeOf(redis, db)]))
}

/** A process for each of the names, with all records stored; gives them by name. */
export async function startContenders(session, redis, names, count) {
  session.prepare(`starts ${names.length} processes`)
  const starting = names.map(async (name, db) => {
    const worker = new Worker('load')
    await worker.call('open', { name, place: placeOf(redis, db), count })
    await worker.call('fill', { name })
    await worker.call('verify', { name })
    return [name, worker]
  })
  return new Map(await Promise.all(starting))
}

/** Fails when one of them does not find what it wrote. */
export async function endContenders(workers) {
  for (const [name, worker] of workers) {
    await worker.call('verify', { name })
    await worker.call('close')
    await worker.end()
  }
}
