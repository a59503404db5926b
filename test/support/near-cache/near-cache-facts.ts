import { expect } from 'vitest'
import { eventually } from '../eventually.js'
import type { RedisServer } from '../servers/redis-server.js'

export const USER = 'base:0xabc'
export const URL = 'https://mcp.example/one'
export const ISSUER = 'https://auth.example'

const READING = /^cmdstat_(?:get|mget):calls=(\d+)/gm

/** How many commands that read values the servers have been sent. */
export async function readsAt(...servers: RedisServer[]): Promise<number> {
  return callsAt(READING, servers)
}

/** How many commands that write values the servers have been sent. */
export async function writesAt(...servers: RedisServer[]): Promise<number> {
  return callsAt(/^cmdstat_(?:set|del|eval):calls=(\d+)/gm, servers)
}

async function callsAt(pattern: RegExp, servers: RedisServer[]): Promise<number> {
  const stats = await Promise.all(servers.map((one) => one.cli<string>('INFO', 'commandstats')))
  const counts = stats.flatMap((text) => [...text.matchAll(pattern)])
  return counts.reduce((sum, [, calls]) => sum + Number(calls), 0)
}

/** Whether a read is answered without a word to the servers; gives its answer to `check`. */
export async function isFromMemory(
  read: () => Promise<unknown>,
  ...servers: RedisServer[]
): Promise<boolean> {
  const before = await readsAt(...servers)
  await read()
  return (await readsAt(...servers)) === before
}

/** Reads until the answer comes from memory. */
export async function comesToMemory(
  read: () => Promise<unknown>,
  ...servers: RedisServer[]
): Promise<void> {
  await eventually(() => isFromMemory(read, ...servers))
}

/** Reads until the answer is this one. Fails at once on an answer that never was. */
export async function comesTo<T>(read: () => Promise<T>, last: T, before: T): Promise<void> {
  await eventually(async () => {
    const found = await read()
    if (JSON.stringify(found) === JSON.stringify(last)) return true
    expect(found).toEqual(before)
    return false
  })
}
