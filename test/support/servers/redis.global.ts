import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DIRECTORY_PREFIX } from '../processes/lifeline.js'
import { REDIS_SERVER_BIN } from './redis-server.js'

/** Runs once before the tests that need Redis. */
export function setup(): void {
  requireRedisServer()
  removeLeftovers()
}

function requireRedisServer(): void {
  const { error, status } = spawnSync(REDIS_SERVER_BIN, ['--version'])
  if (error === undefined && status === 0) return
  throw new Error(
    `These tests start their own Redis servers, and ${REDIS_SERVER_BIN} does not run here. Install it ` +
      '(Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or set REDIS_SERVER_BIN ' +
      'to the path of a redis-server or valkey-server.',
  )
}

/** Removes the directories of test processes that are no more. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    if (!name.startsWith(DIRECTORY_PREFIX)) continue
    const owner = Number.parseInt(name.slice(DIRECTORY_PREFIX.length), 10)
    if (isAlive(owner)) continue
    rmSync(join(tmpdir(), name), { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
