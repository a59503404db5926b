import { randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import { Redis } from 'ioredis'
import { expect, it, onTestFinished } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { SECRETS } from '../../support/connection/failure-facts.js'
import { openDatabase } from '../../support/scene.js'

const { username, password } = SECRETS
const key = randomBytes(32)

it.each([
  [
    { url: `redis://${username}:${password}@redis.example:6380/2` },
    "{ server: 'redis.example:6380', database: 2, keyPrefix: 'atxp:oauth:', topology: 'server', encryption: 'off', hashKeys: false, cache: false }",
  ],
  [
    {
      sentinel: { name: 'mymaster', nodes: [{ host: 's', port: 1 }], password },
      keyPrefix: 'app:',
      encryption: {
        keys: [
          { id: 'new', key },
          { id: 'old', key: randomBytes(32) },
        ],
      },
      hashKeys: { key: randomBytes(32) },
      cache: true,
    },
    "{ server: 'mymaster (by Sentinel s:1)', database: 0, keyPrefix: 'app:', topology: 'sentinel', encryption: [ 'new', 'old' ], hashKeys: true, cache: true }",
  ],
  [
    {
      path: '/run/redis.sock',
      password,
      encryption: { seal: (plain: Buffer) => plain, open: (sealed: Buffer) => sealed },
    },
    "{ server: '/run/redis.sock', database: 0, keyPrefix: 'atxp:oauth:', topology: 'server', encryption: 'custom', hashKeys: false, cache: false }",
  ],
])('inspect shows what a database is, and no secret: case %#', (options, shown) => {
  const db = openDatabase(options)
  expect(inspect(db, { breakLength: Number.POSITIVE_INFINITY })).toBe(`RedisOAuthDatabase ${shown}`)
  const all = inspect({ db }, { depth: null, showHidden: true, getters: true })
  for (const secret of [username, password, key.toString('hex'), inspect(key)]) {
    expect(all).not.toContain(secret)
  }
  expect(JSON.stringify(db)).toBe('{}')
})

it('inspect shows the database of a borrowed client, and works on the class', () => {
  const client = new Redis({ host: 'h', port: 1, db: 3, lazyConnect: true, password })
  onTestFinished(() => client.disconnect())
  const text = inspect(openDatabase({ client }))
  expect(text).toContain("server: 'h:1'")
  expect(text).toContain('database: 3')
  expect(inspect(RedisOAuthDatabase.prototype)).toContain('{}')
})
