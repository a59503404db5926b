import { describe, expect, it } from 'vitest'
import { factsOf, type NodeHealth, warningsOf } from '../../../src/redis/health.js'

/** Of a server that says so much by `INFO`. */
function nodeOf(...lines: string[]): NodeHealth {
  const info = lines.join('\r\n')
  return { server: 'redis:6379', roundTripMs: 1, clockSkewMs: 0, ...factsOf(info) }
}

describe('what a server does not say', () => {
  it('is unknown', () => {
    expect(nodeOf('# Server', '')).toMatchObject({
      version: 'unknown',
      role: 'unknown',
      evictionPolicy: 'unknown',
      connectedReplicas: 0,
    })
  })

  it('is no reason to warn of a policy or a role that it may not have', () => {
    expect(warningsOf(nodeOf('redis_version:7.0.15'), 0)).toEqual([
      'redis:6379 does not say what it evicts at maxmemory: make sure that its maxmemory-policy is noeviction',
    ])
  })
})

it.each([
  ['noeviction', 0],
  ['volatile-ttl', 1],
  ['allkeys-lru', 1],
])('the policy %s is worth %i warnings', (policy, count) => {
  const node = nodeOf('role:master', `maxmemory_policy:${policy}`)
  expect(node.evictionPolicy).toBe(policy)
  expect(warningsOf(node, 0)).toHaveLength(count)
})

it('a replica is worth a warning', () => {
  const node = nodeOf('role:slave', 'maxmemory_policy:noeviction')
  expect(warningsOf(node, 0)).toEqual([
    'redis:6379 is a slave: it takes no writes, and may lag behind',
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
  const node = nodeOf(version, 'role:master', 'maxmemory_policy:noeviction')
  expect(warningsOf(node, 0)).toHaveLength(count)
})
