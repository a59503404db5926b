import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'

const client = new Redis({ lazyConnect: true })
const nodes = [{ host: 'h', port: 1 }]

/** What says where Redis is, who asks, and how long to wait for it; each is right by itself. */
const VALUES = {
  client,
  url: 'redis://h',
  host: 'h',
  port: 1,
  path: '/run/redis.sock',
  sentinel: { name: 'm', nodes },
  cluster: { nodes },
  username: 'u',
  password: 'p',
  credentials: () => ({ password: 'p' }),
  db: 0,
  tls: {},
  connectionTimeout: 1,
  retryDelayOnFailover: 1,
  maxRetriesPerRequest: 1,
  commandTimeout: 1,
  cache: true,
} satisfies RedisOAuthDatabaseOptions

type Name = keyof typeof VALUES
const NAMES = Object.keys(VALUES) as Name[]

/** Each option, and those beside which one of the two would mean nothing. All other pairs are meant. */
const REFUSED: Partial<Record<Name, readonly Name[]>> = {
  client: [
    'url',
    'host',
    'port',
    'path',
    'sentinel',
    'cluster',
    'username',
    'password',
    'credentials',
    'db',
    'tls',
    'connectionTimeout',
    'retryDelayOnFailover',
    'maxRetriesPerRequest',
  ],
  url: ['path', 'sentinel', 'cluster'],
  host: ['path', 'sentinel', 'cluster'],
  port: ['path', 'sentinel', 'cluster'],
  path: ['sentinel', 'cluster'],
  sentinel: ['cluster'],
  credentials: ['username', 'password'],
}

const pairs = NAMES.flatMap((one, i) => NAMES.slice(i + 1).map((other) => [one, other] as const))

const isRefused = (one: Name, other: Name) =>
  REFUSED[one]?.includes(other) === true || REFUSED[other]?.includes(one) === true

const together = (one: Name, other: Name) => () =>
  new RedisOAuthDatabase({ [one]: VALUES[one], [other]: VALUES[other] })

describe('two options of which one makes the other mean nothing are refused, and both are named:', () => {
  it.each(pairs.filter(([one, other]) => isRefused(one, other)))('%s and %s', (one, other) => {
    expect(together(one, other)).toThrow(TypeError)
    expect(together(one, other)).toThrow(new RegExp(`options\\.${one}\\b`))
    expect(together(one, other)).toThrow(new RegExp(`options\\.${other}\\b`))
  })
})

describe('two options that both mean something are taken:', () => {
  it.each(pairs.filter(([one, other]) => !isRefused(one, other)))('%s and %s', (one, other) => {
    expect(together(one, other)).not.toThrow()
  })
})

describe('beside a URL of each kind', () => {
  it.each<[RedisOAuthDatabaseOptions, string]>([
    [{ url: 'unix:///run/redis.sock', path: '/other' }, 'options.url and options.path'],
    [{ url: 'redis://h', sentinel: { password: 'p' } }, 'options.url and options.sentinel'],
    [{ url: 'redis://h', cluster: { natMap: {} } }, 'options.url and options.cluster'],
    [{ url: 'redis-sentinel://h?name=m', cluster: { nodes } }, 'options.url and options.cluster'],
    [
      { url: 'redis-sentinel://h?name=m', sentinel: { nodes } },
      'options.url and options.sentinel.nodes',
    ],
    [
      { url: 'redis-sentinel://h?name=m', sentinel: { name: 'n' } },
      'options.url and options.sentinel.name',
    ],
    [{ url: 'redis-cluster://h', cluster: { nodes } }, 'options.url and options.cluster.nodes'],
    [{ url: 'redis-cluster://h', sentinel: { name: 'm' } }, 'options.url and options.sentinel'],
    [
      { url: 'redis://:p@h', credentials: VALUES.credentials },
      'options.credentials and options.url',
    ],
    [
      { url: 'redis://u@h', credentials: VALUES.credentials },
      'options.credentials and options.url',
    ],
  ])('what means nothing there is refused: %j', (options, names) => {
    expect(() => new RedisOAuthDatabase(options)).toThrow(`${names} both say`)
  })

  it.each<RedisOAuthDatabaseOptions>([
    { url: 'redis-sentinel://h', sentinel: { name: 'm', password: 'p', tls: {} } },
    { url: 'rediss-sentinel://h?name=m', sentinel: { tls: false } },
    { url: 'redis-cluster://h', cluster: { natMap: { 'a:1': { host: 'b', port: 1 } } } },
    { url: 'redis://h', sentinel: { password: undefined }, cluster: undefined },
    { url: 'redis://:p@h:1/0', host: 'x', port: 2, username: 'u', password: 'q', db: 3 },
  ])('what fills it, and what the reference lets stand beside it, is taken: %j', (options) => {
    expect(() => new RedisOAuthDatabase(options)).not.toThrow()
  })
})

it('a key that hides names and encrypts is refused', () => {
  const key = randomBytes(32)
  const keys = [
    { id: 'b', key: randomBytes(32) },
    { id: 'a', key: key.toString('hex') },
  ]
  expect(() => new RedisOAuthDatabase({ encryption: { keys }, hashKeys: { key } })).toThrow(
    'hashKeys.key must be none of encryption.keys',
  )
})

it('hashKeys without encryption is refused', () => {
  const key = Buffer.from(Array.from({ length: 32 }, (_, i) => (i * 97 + 131) % 256))
  expect(() => new RedisOAuthDatabase({ hashKeys: { key } })).toThrow(
    'options.hashKeys needs options.encryption',
  )
})
