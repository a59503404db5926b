import { expect, onTestFinished, vi } from 'vitest'
import type { NearCache } from '../../../src/cache/near-cache.js'
import { operationsOf } from '../../../src/database/operations-of.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'

/** A rest takes 45 to 75 s. Nothing else in a test waits for that long. */
const SHORTEST_REST_MS = 45_000
const LONGEST_REST_MS = 75_000
/** Of copies that all change before they are read again, far fewer rounds make it rest. */
const MAX_ROUNDS = 1_000

export function cacheOf(db: RedisOAuthDatabase): NearCache {
  return operationsOf(db).parts.cache as NearCache
}

/** Has a peer change all that the database reads, before each time it reads that. */
export async function comesToRest(
  db: RedisOAuthDatabase,
  change: (round: number) => Promise<unknown>,
  read: () => Promise<unknown>,
): Promise<void> {
  for (let round = 0; !cacheOf(db).isResting; round += 1) {
    expect(round).toBeLessThan(MAX_ROUNDS)
    await change(round)
    await read()
  }
}

/** Gives what ends the latest rest, as its timer would. To be called before it begins. */
export function restEnder(): () => void {
  const timers = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => timers.mockRestore())
  return () => {
    const [wake, ms] = timers.mock.calls.filter(([, ms = 0]) => ms >= SHORTEST_REST_MS).at(-1) ?? []
    expect(ms).toBeLessThanOrEqual(LONGEST_REST_MS)
    wake?.()
  }
}

/** Has rests end after `ms`. */
export function shortenRests(ms: number): void {
  const { setTimeout } = globalThis
  const timers = vi.spyOn(globalThis, 'setTimeout')
  onTestFinished(() => timers.mockRestore())
  timers.mockImplementation(((work: () => void, after = 0, ...args: []) =>
    setTimeout(work, after < SHORTEST_REST_MS ? after : ms, ...args)) as typeof setTimeout)
}
