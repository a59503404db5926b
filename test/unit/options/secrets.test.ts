import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'

function refusal(options: unknown): Error {
  try {
    new RedisOAuthDatabase(options as never)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return error as Error
  }
  throw new Error('it was accepted')
}

describe('no secret stands in the refusal of', () => {
  const SECRET = 'hunter2'

  it.each([
    { url: `http://:${SECRET}@localhost` },
    { url: [`redis://:${SECRET}@localhost`] },
    { host: `redis://:${SECRET}@localhost:6379` },
    { host: `:${SECRET}@localhost` },
    { path: `unix://:${SECRET}@/run/redis.sock` },
    { port: `redis://:${SECRET}@localhost:6379` },
    { db: `redis://:${SECRET}@localhost:6379` },
    { connectionTimeout: `redis://:${SECRET}@localhost:6379` },
    { username: { name: SECRET } },
    { password: { value: SECRET } },
    { password: [SECRET] },
    { tls: SECRET },
    { client: `redis://:${SECRET}@localhost:6379` },
    { passwort: SECRET },
    { [`redis://:${SECRET}@localhost`]: true },
    { sentinel: { name: 'm', [`:${SECRET}@`]: 1 } },
    { host: `redis://localhost?password=${SECRET}` },
    { host: SECRET, port: SECRET },
    { keyPrefix: `${SECRET}{` },
    { port: SECRET },
    { expiredAccessTokens: SECRET },
    { sentinel: { password: [SECRET] } },
    { sentinel: { nodes: [{ host: `:${SECRET}@h`, port: 1 }] } },
    { sentinel: { nodes: [{ host: 'h', port: SECRET }] } },
    { cluster: { natMap: { [`:${SECRET}@a`]: { host: 'h', port: 1 } } } },
    { tls: { key: SECRET } },
    { tls: { passphrase: [SECRET] } },
    { tls: { pfx: SECRET, passphrase: SECRET } },
    { encryption: SECRET },
    { encryption: { keys: SECRET } },
    { encryption: { keys: [SECRET] } },
    { encryption: { keys: [{ id: 'a', key: SECRET }] } },
    { encryption: { keys: [{ id: `${SECRET} `, key: SECRET }] } },
    { hashKeys: SECRET },
    { hashKeys: { key: SECRET } },
    { durability: { replicas: SECRET } },
    [SECRET],
    SECRET,
    `redis://:${SECRET}@localhost:6379`,
  ])('%j', (options) => {
    const error = refusal(options)
    expect(`${error.message} ${error.stack} ${inspect(error)}`).not.toContain(SECRET)
  })

  it.each(['username', 'password', 'url', 'tls', 'encryption', 'hashKeys'])(
    '%s that is a number',
    (option) => {
      expect(refusal({ [option]: 987_654_321 }).message).not.toContain('987654321')
    },
  )
})
