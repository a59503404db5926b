import { Redis } from 'ioredis'
import { stampInText, textOf } from '../load/records.mjs'

const LIFETIME_MS = 24 * 60 * 60 * 1000
const MAX_KEYS = 64

/** The limit of ioredis: reads of a turn as `MGET` and writes corked, and nothing of what makes a library of that. */
export async function open({ url, tls }, records) {
  const redis = new Redis(url, { tls })
  await redis.ping()
  const keyOf = (index) => `atxp:oauth:${records[index].user}`
  let waiting = new Map()
  let corked
  const flush = () => {
    const readers = waiting
    waiting = new Map()
    if (readers.size === 0) return
    void redis.mget([...readers.keys()]).then((texts) => {
      for (const [index, resolves] of [...readers.values()].entries()) {
        for (const resolve of resolves) resolve(texts[index])
      }
    })
  }
  const endTurn = () => {
    flush()
    corked.uncork()
    corked = undefined
  }
  const beginTurn = () => {
    if (corked !== undefined) return
    corked = redis.stream
    corked.cork()
    setImmediate(endTurn)
  }
  return {
    read(index) {
      beginTurn()
      return new Promise((resolve) => {
        const key = keyOf(index)
        const resolves = waiting.get(key)
        if (resolves === undefined) waiting.set(key, [resolve])
        else resolves.push(resolve)
        if (waiting.size === MAX_KEYS) flush()
      })
    },
    write(index, version) {
      beginTurn()
      return redis.set(keyOf(index), textOf(records[index], version), 'PX', LIFETIME_MS)
    },
    stampOf: (text) => stampInText(text ?? ''),
    tokenOf: JSON.parse,
    close: () => redis.quit(),
  }
}
