import { readFileSync } from 'node:fs'
import { cpus, loadavg, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import { root, run } from '../scripts/command.mjs'

const PACKAGES = [
  'ioredis',
  '@keyv/redis',
  'keyv',
  '@redis/client',
  'connect-redis',
  '@atxp/common',
]

/** What the numbers depend on. */
export async function describeMachine(redisServer) {
  const [{ output: server }, { output: commit }, { output: changes }] = await Promise.all([
    run(redisServer, ['--version']),
    run('git', ['rev-parse', '--short', 'HEAD']),
    run('git', ['status', '--porcelain', '--', 'src', 'bench', 'package-lock.json']),
  ])
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    system: `${type()} ${release()}`,
    node: process.versions.node,
    redis: /v=(\S+)/.exec(server)?.[1] ?? 'unknown',
    packages: Object.fromEntries(PACKAGES.map((name) => [name, versionOf(name)])),
    commit: commit.trim() + (changes.trim() === '' ? '' : ' with changes'),
    load: loadavg()[0],
    date: new Date().toISOString().slice(0, 10),
  }
}

function versionOf(name) {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}
