import { expect } from 'vitest'
import { redisMajor } from './redis-server.js'

interface Server {
  cli<T>(...args: (string | number)[]): Promise<T>
}

/** The clock of Redis and the time that is left are read one after the other. */
const INEXACT_MS = 100

/** Fails unless the key expires at this time: to the millisecond where Redis can say so, from version 7 on. */
export async function expectExpireTime(server: Server, key: string, ms: number): Promise<void> {
  if (redisMajor() >= 7) {
    expect(await server.cli<number>('PEXPIRETIME', key)).toBe(ms)
  } else {
    const nearly = Date.now() + (await server.cli<number>('PTTL', key))
    expect(Math.abs(nearly - ms)).toBeLessThan(INEXACT_MS)
  }
}

/** When the keys expire; -1 for never. Before Redis 7 nearly so. */
export function expireTimesOf(server: Server, keys: readonly string[]): Promise<number[]> {
  return Promise.all(
    keys.map(async (key) => {
      if (redisMajor() >= 7) return server.cli<number>('PEXPIRETIME', key)
      const leftMs = await server.cli<number>('PTTL', key)
      return leftMs < 0 ? leftMs : Date.now() + leftMs
    }),
  )
}

/** Fails unless these are the same times, as far as Redis can say. */
export function expectSameTimes(times: readonly number[], former: readonly number[]): void {
  const inexactMs = redisMajor() >= 7 ? 0 : INEXACT_MS
  expect(times).toHaveLength(former.length)
  expect(times.filter((ms, at) => Math.abs(ms - (former[at] ?? Number.NaN)) > inexactMs)).toEqual(
    [],
  )
}
