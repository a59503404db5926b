import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { Cluster, Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { DEFAULTS, type RedisOAuthDatabaseOptions } from '../../../src/options/options.js'
import { resolveOptions } from '../../../src/options/rules.js'

const redis = new Redis({ lazyConnect: true })
const cluster = new Cluster([{ host: '127.0.0.1', port: 1 }], { lazyConnect: true })

afterAll(() => {
  redis.disconnect()
  cluster.disconnect()
})

function thrownBy(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

/** What the constructor says to options that the compiler would not let through. */
function refusal(options: unknown): Error {
  const error = thrownBy(() => new RedisOAuthDatabase(options as RedisOAuthDatabaseOptions))
  expect(error).toBeInstanceOf(TypeError)
  return error as Error
}

describe('the documented defaults', () => {
  const source = readFileSync(
    fileURLToPath(new URL('../../../src/options/options.ts', import.meta.url)),
    'utf8',
  )
  const DOCUMENTED = /@defaultValue `([^`]*)`(?:(?!\*\/)[\s\S])*\*\/\n\s*(\w+)\?:/g

  it('stand in the comments as they are in DEFAULTS', () => {
    const documented = [...source.matchAll(DOCUMENTED)].map(([, value = '', option = '']) => [
      option,
      value.startsWith("'") ? value.slice(1, -1) : JSON.parse(value),
    ])
    expect(Object.fromEntries(documented)).toEqual(DEFAULTS)
  })

  it('are those of the reference', () => {
    expect(DEFAULTS).toMatchObject({
      host: 'localhost',
      port: 6379,
      db: 0,
      keyPrefix: 'atxp:oauth:',
      connectionTimeout: 10_000,
      retryDelayOnFailover: 100,
      maxRetriesPerRequest: 3,
    })
  })

  it('hold for an option that is left out or undefined, and for no options at all', () => {
    expect(resolveOptions({})).toMatchObject({ keyPrefix: 'atxp:oauth:', commandTimeout: 2_000 })
    const undefineds = Object.fromEntries(Object.keys(DEFAULTS).map((name) => [name, undefined]))
    expect(resolveOptions(undefineds)).toEqual(resolveOptions({}))
    expect(() => new RedisOAuthDatabase()).not.toThrow()
  })
})

describe('an option that is not what it takes is refused with its name and what it takes:', () => {
  it.each([
    ['url', 1, 'a Redis URL such as redis://localhost:6379, not 1'],
    ['url', '', 'a Redis URL such as redis://localhost:6379, not an empty string'],
    ['host', '', 'a host name or IP address'],
    ['host', 7, 'a host name or IP address, not 7'],
    ['host', 'redis://localhost', 'a host name or IP address'],
    ['host', 'user@localhost', 'a host name or IP address'],
    ['port', '6379', 'an integer from 1 to 65535, not "6379"'],
    ['port', Number.NaN, 'an integer from 1 to 65535, not NaN'],
    ['port', 0, 'an integer from 1 to 65535, not 0'],
    ['port', 65_536, 'an integer from 1 to 65535, not 65536'],
    ['port', 6379.5, 'an integer from 1 to 65535, not 6379.5'],
    ['path', '', 'the path of a Unix socket'],
    ['path', 'unix:///run/redis.sock', 'the path of a Unix socket'],
    ['username', 5, 'a string, not 5'],
    ['password', 5, 'a string'],
    ['password', null, 'a string, not null'],
    ['db', -1, 'an integer from 0 to 2147483647, not -1'],
    ['db', '0', 'an integer from 0 to 2147483647, not "0"'],
    ['db', Number.NaN, 'an integer from 0 to 2147483647, not NaN'],
    [
      'tls',
      true,
      "an object of Node's TLS options, ca, cert and key in PEM where they are given, not true",
    ],
    ['tls', { ca: 5 }, 'ca, cert and key in PEM where they are given, not a value of type object'],
    ['tls', { key: 'a secret key' }, 'ca, cert and key in PEM where they are given, not a value'],
    ['client', {}, 'a Redis or Cluster of ioredis 5 or 6, not a value of type object'],
    ['keyPrefix', 5, 'a string without a lone surrogate'],
    ['keyPrefix', '\ud800', 'a string without a lone surrogate'],
    ['keyPrefix', 'a{b', 'no `{` unless as a whole hash tag'],
    ['keyPrefix', 'a{}b', 'no `{` unless as a whole hash tag'],
    ['connectionTimeout', 0, 'an integer from 1 to 2147483647 milliseconds, not 0'],
    ['connectionTimeout', Number.POSITIVE_INFINITY, 'milliseconds, not Infinity'],
    ['retryDelayOnFailover', 0, 'an integer from 1 to 2147483647 milliseconds, not 0'],
    ['maxRetriesPerRequest', -1, 'an integer from 0 to 2147483647, not -1'],
    ['maxRetriesPerRequest', null, 'an integer from 0 to 2147483647, not null'],
    ['commandTimeout', 0, 'an integer from 1 to 2147483647 milliseconds, not 0'],
    ['commandTimeout', 2 ** 31, 'an integer from 1 to 2147483647 milliseconds'],
  ])('%s %j', (option, value, takes) => {
    const { message } = refusal({ [option]: value })
    expect(message).toContain(`options.${option} must be`)
    expect(message).toContain(takes)
  })

  it('one that there is not', () => {
    expect(refusal({ hots: 'localhost' }).message).toMatch(
      /^options.hots is not an option; the options are url, host, port,/,
    )
  })

  it.each([null, 'redis://localhost', 6379])('%j in place of the options', (options) => {
    expect(refusal(options).message).toBe('options must be an object')
  })
})

describe('an option at the edge of what it takes is accepted:', () => {
  it.each([
    { host: '::1' },
    { port: 65_535, db: 15, maxRetriesPerRequest: 0 },
    { connectionTimeout: 1, retryDelayOnFailover: 1, commandTimeout: 1 },
    { password: '', username: '' },
    { keyPrefix: '' },
    { keyPrefix: '{fleet}:' },
    { keyPrefix: 'été:💡' },
    { tls: {} },
  ])('%j', (options) => {
    expect(() => new RedisOAuthDatabase(options)).not.toThrow()
  })
})

it('a client of ioredis with a keyPrefix of its own is refused with the reason', () => {
  const prefixed = new Redis({ lazyConnect: true, keyPrefix: 'app:' })
  const prefixedCluster = new Cluster([], { lazyConnect: true, keyPrefix: 'app:' })
  for (const client of [prefixed, prefixedCluster]) {
    expect(refusal({ client }).message).toMatch(
      /^options\.client .* without a keyPrefix of its own/,
    )
    client.disconnect()
  }
})

it('a Redis and a Cluster of ioredis are accepted as the client', () => {
  expect(() => new RedisOAuthDatabase({ client: redis })).not.toThrow()
  expect(() => new RedisOAuthDatabase({ client: cluster })).not.toThrow()
})

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
    `redis://:${SECRET}@localhost:6379`,
  ])('%j', (options) => {
    const error = refusal(options)
    expect(`${error.message} ${error.stack} ${inspect(error)}`).not.toContain(SECRET)
  })
})
