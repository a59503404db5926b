import { hostname } from 'node:os'
import { threadId } from 'node:worker_threads'
import type { Operations } from '../database/operations.js'
import { integer } from '../redis/protocol/replies.js'
import type { Families } from './families.js'
import { WATCHED, type WatchCounts, writeWatchLine } from './watch-line.js'

const EVERY_MS = 1_000

/** Publishes a line of counts a second, until the database is closed. Returns what ends it. */
export function publishCounts(operations: Operations, families: Families): () => void {
  const { connection, keys } = operations.parts
  const name = [hostname(), process.pid, ...(threadId === 0 ? [] : [threadId])].join(' ')
  let last = { at: performance.now(), counts: countsOf(families) }
  let isSending = false
  const publish = async (): Promise<void> => {
    const now = { at: performance.now(), counts: countsOf(families) }
    const line = writeWatchLine({
      process: name,
      seconds: (now.at - last.at) / 1_000,
      counts: difference(now.counts, last.counts),
    })
    isSending = true
    try {
      await connection.send('write', 'publish', [keys.watchChannel, line], integer)
      last = now
    } catch {
      // The next line says it as well. What is wrong with Redis, calls tell.
    } finally {
      isSending = false
    }
  }
  const timer = setInterval(() => {
    if (operations.isClosed) clearInterval(timer)
    else if (!isSending) void publish()
  }, EVERY_MS)
  timer.unref()
  return () => clearInterval(timer)
}

function countsOf({ refreshes, waits, rests, cacheRequests }: Families): WatchCounts {
  const sum = [...waits.entries()].reduce((all, [, amount]) => all + amount, 0)
  return {
    refreshes: refreshes.count.get('refreshed'),
    waits: sum,
    rests: rests.get(),
    refusals: refreshes.count.get('refused'),
    cacheHits: cacheRequests.get('hit'),
  }
}

function difference(now: WatchCounts, before: WatchCounts): WatchCounts {
  const counts = WATCHED.map((name) => [name, now[name] - before[name]] as const)
  return Object.fromEntries(counts) as WatchCounts
}
