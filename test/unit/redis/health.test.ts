import { describe, expect, it } from 'vitest'
import { factsOf, type NodeHealth } from '../../../src/redis/health.js'
import { warningsOf } from '../../../src/redis/health-warnings.js'

const WELL = ['role:master', 'maxmemory_policy:noeviction', 'aof_enabled:1']

/** Of a server that says so much by `INFO`. */
function nodeOf(...lines: string[]): NodeHealth {
  const info = lines.join('\r\n')
  return { server: 'redis:6379', roundTripMs: 1, clockSkewMs: 0, ...factsOf(info) }
}

const codesOf = (node: NodeHealth, replicas = 0): string[] =>
  warningsOf(node, replicas).map(({ code }) => code)

describe('what a server does not say', () => {
  it('is unknown', () => {
    expect(nodeOf('# Server', '')).toMatchObject({
      version: 'unknown',
      role: 'unknown',
      evictionPolicy: 'unknown',
      connectedReplicas: 0,
      usedMemoryBytes: null,
      maxMemoryBytes: null,
      hasAppendOnlyFile: null,
      changesSinceSnapshot: null,
      canSave: true,
      keys: 0,
    })
  })

  it('is no reason to warn of anything but the policy', () => {
    const [warning, ...others] = warningsOf(nodeOf('redis_version:7.0.15'), 0)
    expect(others).toEqual([])
    expect(warning).toEqual({
      code: 'EVICTION',
      server: 'redis:6379',
      message:
        'redis:6379 does not say what it evicts at maxmemory. Make sure that its maxmemory-policy is noeviction',
    })
  })
})

it.each([
  ['noeviction', 0],
  ['volatile-ttl', 1],
  ['allkeys-lru', 1],
])('the policy %s is worth %i warnings', (policy, count) => {
  const node = nodeOf('role:master', `maxmemory_policy:${policy}`)
  expect(node.evictionPolicy).toBe(policy)
  expect(codesOf(node)).toEqual(Array(count).fill('EVICTION'))
})

it('a replica is worth a warning', () => {
  const node = nodeOf('role:slave', 'maxmemory_policy:noeviction')
  expect(warningsOf(node, 0)).toEqual([
    {
      code: 'READ_ONLY',
      server: 'redis:6379',
      message:
        'redis:6379 is a slave: it takes no writes, and may lag behind. Connect to the master',
    },
  ])
})

it.each([
  ['redis_version:6.2.0', 0],
  ['redis_version:7.0.15', 0],
  ['redis_version:10.0.0', 0],
  ['valkey_version:9.1.2', 0],
  ['redis_version:6.0.16', 1],
  ['redis_version:5.0.14', 1],
  ['', 0],
])('a server is worth a warning when it is older than Redis 6.2: %s', (version, count) => {
  expect(codesOf(nodeOf(version, ...WELL))).toEqual(Array(count).fill('SERVER_TOO_OLD'))
})

it.each([
  [['used_memory:900', 'maxmemory:1000'], []],
  [['used_memory:901', 'maxmemory:1000'], ['OUT_OF_MEMORY']],
  [['used_memory:901', 'maxmemory:0'], []],
  [['rdb_last_bgsave_status:ok', 'aof_last_write_status:ok'], []],
  [['rdb_last_bgsave_status:err'], ['SAVING_FAILS']],
  [['aof_last_write_status:err'], ['SAVING_FAILS']],
  [['aof_enabled:0', 'rdb_changes_since_last_save:7'], ['NO_APPEND_ONLY_FILE']],
])('%j comes to %j', (lines, codes) => {
  expect(codesOf(nodeOf(...WELL, ...lines))).toEqual(codes)
})

it.each([
  [{ clockSkewMs: 5_000 }, []],
  [{ clockSkewMs: -5_001 }, ['CLOCK_SKEW']],
  [{ connectedReplicas: 1 }, []],
  [{ connectedReplicas: 0 }, ['NOT_DURABLE']],
])('with one replica asked for, %j comes to %j', (facts, codes) => {
  expect(codesOf({ ...nodeOf(...WELL), connectedReplicas: 1, ...facts }, 1)).toEqual(codes)
})
