import KeyvRedis from '@keyv/redis'
import { Cluster, Redis } from 'ioredis'
import { afterAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import type { RedisOAuthDatabaseOptions } from '../../../src/options/options.js'
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

describe('the defaults', () => {
  it('hold for an option that is left out or undefined, and for no options at all', () => {
    expect(resolveOptions({})).toMatchObject({ keyPrefix: 'atxp:oauth:', commandTimeout: 2_000 })
    const undefineds = Object.fromEntries(
      Object.keys(DEFAULTS.database).map((name) => [name, undefined]),
    )
    expect(resolveOptions(undefineds)).toEqual(resolveOptions({}))
    expect(() => new RedisOAuthDatabase()).not.toThrow()
  })
})

describe('an option that is not what it takes is refused with its name and what it takes:', () => {
  it.each([
    ['url', 1, 'a Redis URL such as redis://localhost:6379, not a value of type number'],
    ['url', '', 'a Redis URL such as redis://localhost:6379, not an empty string'],
    ['host', '', 'a host name or IP address'],
    ['host', 7, 'a port or brackets, not 7'],
    ['host', 'redis://localhost', 'a host name or IP address'],
    ['host', 'user@localhost', 'a host name or IP address'],
    ['port', '6379', 'an integer from 1 to 65535, not "6379"'],
    ['port', Number.NaN, 'an integer from 1 to 65535, not NaN'],
    ['port', 0, 'an integer from 1 to 65535, not 0'],
    ['port', 65_536, 'an integer from 1 to 65535, not 65536'],
    ['port', 6379.5, 'an integer from 1 to 65535, not 6379.5'],
    ['path', '', 'the path of a Unix socket'],
    ['path', 'unix:///run/redis.sock', 'the path of a Unix socket'],
    ['username', 5, 'a string, not a value of type number'],
    ['host', 'localhost:6379', 'a host name or IP address, without a scheme, a port or brackets'],
    ['host', '[::1]', 'a host name or IP address'],
    ['host', 'one,two', 'a host name or IP address'],
    ['password', 5, 'a string'],
    ['password', null, 'a string, not null'],
    ['db', -1, 'an integer from 0 to 2147483647, not -1'],
    ['db', '0', 'an integer from 0 to 2147483647, not "0"'],
    ['db', Number.NaN, 'an integer from 0 to 2147483647, not NaN'],
    ['tls', true, "an object of Node's TLS options, not a value of type boolean"],
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

  it.each([
    [null, 'options must be an object'],
    [6379, 'options must be an object'],
    [[{ host: 'localhost' }], 'options must be an object, not a list'],
    ['redis://localhost', 'options must be an object: a Redis URL goes in it as { url }'],
    [redis, 'options must be an object: a client of ioredis goes in it as { client }'],
    [cluster, 'options must be an object: a client of ioredis goes in it as { client }'],
  ])('what stands in the place of the options, %#', (options, message) => {
    expect(refusal(options).message).toBe(message)
  })
})

describe('a name that is no option is refused with the one that was meant:', () => {
  it.each([
    [
      { hots: 'localhost' },
      'options.hots is not an option (did you mean host?). All options: https://',
    ],
    [{ URL: 'redis://localhost' }, 'options.URL is not an option (did you mean url?)'],
    [{ keyprefix: 'a:' }, 'did you mean keyPrefix?'],
    [{ conectionTimout: 1 }, 'did you mean connectionTimeout?'],
    [{ redis: {} }, 'options.redis is not an option (did you mean url or client?)'],
    [{ user: 'alice' }, 'did you mean username?'],
    [{ somethingElse: 1 }, 'options.somethingElse is not an option. All options: https://'],
    [{ toString: 1 }, 'options.toString is not an option. All options: https://'],
    [
      { sentinel: { name: 'm', pasword: 'x' } },
      'options.sentinel.pasword is not an option (did you mean password?); options.sentinel takes name, nodes,',
    ],
    [
      { sentinel: { nodes: [{ host: 'a', prot: 1 }] } },
      'options.sentinel.nodes[0].prot is not an option (did you mean port?)',
    ],
    [{ cluster: { natmap: {} } }, 'options.cluster.natmap is not an option (did you mean natMap?)'],
    [
      { cluster: { natMap: { 'a:1': { hots: 'b', port: 1 } } } },
      "options.cluster.natMap['a:1'].hots is not an option (did you mean host?)",
    ],
    [
      { durability: { replicas: 1, timeoutMs: 1, foo: 1 } },
      'options.durability.foo is not an option; options.durability takes replicas, timeoutMs',
    ],
    [
      { cache: { maxEntires: 5 } },
      'options.cache.maxEntires is not an option (did you mean maxEntries?)',
    ],
    [
      { tls: { serverName: 'a' } },
      "options.tls.serverName is not an option of Node's tls.connect (did you mean servername?)",
    ],
    [{ encryption: { key: 'x' } }, 'options.encryption.key is not an option (did you mean keys?)'],
    [
      { encryption: { keys: [{ id: 'a', kee: 'x' }] } },
      'options.encryption.keys[0].kee is not an option (did you mean key?)',
    ],
    [{ hashKeys: { keys: 'x' } }, 'options.hashKeys.keys is not an option (did you mean key?)'],
  ])('%j', (options, message) => {
    expect(refusal(options).message).toContain(message)
  })
})

describe('what stands in a nested option is checked:', () => {
  it.each([
    [
      { sentinel: { name: 5 } },
      'options.sentinel.name must be what the Sentinels call the master, not 5',
    ],
    [{ sentinel: 'mymaster' }, 'options.sentinel must be an object with name and nodes'],
    [{ sentinel: { nodes: 'a:1' } }, 'options.sentinel.nodes must be a list of { host, port }'],
    [
      { sentinel: { password: 987_654 } },
      'options.sentinel.password must be a string, not a value of type number',
    ],
    [{ sentinel: { tls: true } }, "options.sentinel.tls must be an object of Node's TLS options"],
    [
      { cluster: { nodes: [{ host: 'a' }] } },
      'options.cluster.nodes[0].port must be an integer from 1 to 65535, not undefined',
    ],
    [
      { cluster: { nodes: [{ host: 'a:1', port: 1 }] } },
      'options.cluster.nodes[0].host must be a host name',
    ],
    [
      { cluster: { natMap: { a: { host: 'b', port: 1 } } } },
      "options.cluster.natMap must lead from 'host:port'",
    ],
    [{ cluster: { natMap: [] } }, "options.cluster.natMap must be an object from 'host:port'"],
    [
      { durability: {} },
      'options.durability.replicas must be an integer from 1 to 1000, not undefined',
    ],
    [
      { durability: { replicas: 1, timeoutMs: 0 } },
      'options.durability.timeoutMs must be an integer from 1',
    ],
    [{ cache: { maxEntries: 0 } }, 'options.cache.maxEntries must be an integer from 1'],
    [{ cache: 5 }, 'options.cache must be true, false, or an object'],
    [{ tls: { ca: 5 } }, 'options.tls.ca must be certificates in PEM as text or Buffer'],
    [
      { tls: { ca: '/etc/redis/ca.pem' } },
      'options.tls.ca must be certificates in PEM as text or Buffer, or a list of them. Read a file with readFileSync(path)',
    ],
    [
      { tls: { ca: [Buffer.from('/etc/redis/ca.pem')] } },
      'options.tls.ca must be certificates in PEM',
    ],
    [
      { tls: { cert: '/etc/redis/client.pem' } },
      "options.tls.cert must be what Node's TLS takes: certificates and keys in PEM, not the path of a file",
    ],
    [{ tls: { key: 'a secret key' } }, "options.tls.key must be what Node's TLS takes"],
    [{ tls: { minVersion: '1.2' } }, "options.tls.minVersion must be what Node's TLS takes"],
    [
      { tls: { rejectUnauthorized: 'false' } },
      'options.tls.rejectUnauthorized must be true or false',
    ],
    [{ tls: { servername: 5 } }, 'options.tls.servername must be a host name, not 5'],
    [
      { tls: { host: 'elsewhere' } },
      'options.tls.host is not an option: say outside of tls where Redis is',
    ],
    [{ encryption: 'key' }, 'options.encryption must be an object: { keys } or { seal, open }'],
    [
      { credentials: { password: 'x' } },
      'options.credentials must be a function that gives { username?, password }',
    ],
  ])('%j', (options, message) => {
    expect(refusal(options).message).toContain(message)
  })

  it('members that are undefined count as left out', () => {
    const sentinel = { name: undefined, password: undefined }
    expect(() => resolveOptions({ sentinel, cache: { maxAgeMs: undefined } })).not.toThrow()
  })

  it('an object of a class that seals may have other fields', () => {
    class Sealing {
      readonly service = 'kms'
      seal = (bytes: Buffer) => bytes
      open = (bytes: Buffer) => bytes
    }
    expect(() => new RedisOAuthDatabase({ encryption: new Sealing() })).not.toThrow()
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

it('a client of node-redis is refused as the client', () => {
  const client = new KeyvRedis('redis://127.0.0.1:1').client
  expect(refusal({ client }).message).toMatch(
    /^options\.client must be a Redis or Cluster of ioredis/,
  )
})
