import { existsSync } from 'node:fs'
import { expectedError } from '../cleanup.mjs'
import { run } from '../command.mjs'
import { fetchServer, serverPath } from './debian.mjs'

/** What Debian's suites had when this was written. They move on: what a suite has is what is printed. */
export const SUITES = [
  { name: 'bookworm', suite: 'bookworm', program: 'redis-server', had: 'Redis 7.0' },
  { name: 'trixie-redis', suite: 'trixie', program: 'redis-server', had: 'Redis 8.0' },
  { name: 'trixie-valkey', suite: 'trixie', program: 'valkey-server', had: 'Valkey 8.1' },
  { name: 'sid-redis', suite: 'sid', program: 'redis-server', had: 'Redis 8.0' },
  { name: 'sid-valkey', suite: 'sid', program: 'valkey-server', had: 'Valkey 9.1' },
  { name: 'bullseye', suite: 'bullseye', program: 'redis-server', had: 'Redis 6.0' },
]

/**
 * A server of a suite, fetched unless it is there.
 * @param name - of one of the SUITES
 * @param options.renew - fetches it in any case
 * @returns `{ name, path, version }`, or `{ name, reason }` where it cannot be had
 */
export async function suiteServer(name, { renew = false } = {}) {
  const { suite, program } = SUITES.find((one) => one.name === name)
  try {
    const path = serverPath(name, program)
    if (renew || !existsSync(path)) await fetchServer(name, program, suite)
    return { name, path, version: await versionOf(path) }
  } catch (error) {
    const lines = error.message.trim().split('\n')
    // apt's own, which more lines may follow.
    return { name, reason: lines.find((line) => line.startsWith('E: ')) ?? lines.at(-1) }
  }
}

/** As it says itself: "Redis 8.0.2", "Valkey 9.1.2". */
async function versionOf(path) {
  const { output } = await run(path, ['--version'])
  const [, name, version] = /^(\w+) server v=(\S+)/i.exec(output.trim()) ?? []
  if (version === undefined) throw expectedError(`it does not start: ${output.trim()}`)
  return `${name} ${version}`
}
