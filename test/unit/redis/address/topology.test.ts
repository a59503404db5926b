import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DEFAULTS } from '../../../../src/leaves/defaults.js'
import { optionName } from '../../../../src/options/names.js'
import {
  nameOfTopology,
  resolveTopology,
  type ServerTopology,
} from '../../../../src/redis/address/topology.js'

type Parts = Parameters<typeof resolveTopology>[0]

function resolve(parts: Parts): Omit<ServerTopology, 'kind'> {
  const { kind, ...topology } = resolveTopology(parts, DEFAULTS.database, optionName)
  expect(kind).toBe('server')
  return topology as Omit<ServerTopology, 'kind'>
}

function refusal(url: string): string {
  try {
    resolve({ url })
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error(`${url} was accepted`)
}

const local = { host: 'localhost', port: 6379, db: 0 }

describe('a Redis URL', () => {
  it.each<[string, Partial<ServerTopology>]>([
    ['redis://', local],
    ['redis://localhost:6379', local],
    ['redis://localhost:6379/', local],
    ['redis://redis.example.com', { ...local, host: 'redis.example.com' }],
    ['redis://localhost:6380/2', { ...local, port: 6380, db: 2 }],
    ['redis://localhost?db=2', { ...local, db: 2 }],
    ['redis://localhost/2?db=2', { ...local, db: 2 }],
    ['redis://:pw@localhost', { ...local, password: 'pw' }],
    ['redis://alice:pw@localhost', { ...local, username: 'alice', password: 'pw' }],
    ['redis://alice@localhost', { ...local, username: 'alice' }],
    ['redis://:@localhost', local],
    ['redis://127.0.0.1:6379', { ...local, host: '127.0.0.1' }],
    ['redis://[::1]:6380', { ...local, host: '::1', port: 6380 }],
    ['REDIS://localhost', local],
    ['redis://a%40b:p%3A%2F%3F%23%25@localhost', { username: 'a@b', password: 'p:/?#%' }],
    ['redis://:p@ss:word@localhost', { password: 'p@ss:word' }],
    ['redis://:%F0%9F%92%A1@localhost', { password: '💡' }],
    ['unix:///run/redis.sock', { ...local, path: '/run/redis.sock' }],
    ['unix:///run/redis.sock?db=3', { path: '/run/redis.sock', db: 3 }],
    ['unix://:pw@/run/redis.sock', { path: '/run/redis.sock', password: 'pw' }],
    ['unix://al%2Fice:pw@/a%20b', { path: '/a b', username: 'al/ice', password: 'pw' }],
    ['unix:///tmp/a@b/redis.sock', { path: '/tmp/a@b/redis.sock' }],
  ])('%s is understood', (url, endpoint) => {
    expect(resolve({ url })).toMatchObject(endpoint)
    const { username, password, path } = resolve({ url })
    expect({ username, password, path }).toEqual({
      username: endpoint.username,
      password: endpoint.password,
      path: endpoint.path,
    })
  })

  it.each([
    ['', 'is not a Redis URL'],
    ['localhost', 'is not a Redis URL'],
    ['localhost:6379', 'is not a Redis URL: write redis:// before the host'],
    ['http://localhost', 'is not a Redis URL: it is the address of a web page or a REST API'],
    ['redis://localhost:port', 'is not a Redis URL'],
    ['redis://localhost:65536', 'is not a Redis URL'],
    ['redis://localhost:0', 'must have ports from 1 to 65535'],
    ['redis-cluster://one:7000,two:0', 'must have ports from 1 to 65535'],
    ['unix:/run/redis.sock', 'is not a Redis URL'],
    ['unix://run/redis.sock', 'is not a Redis URL'],
    ['redis://localhost/one', 'must have one whole number as its database'],
    ['redis://localhost/-1', 'must have one whole number as its database'],
    ['redis://localhost/1/2', 'must have one whole number as its database'],
    ['redis://localhost/1?db=2', 'must have one whole number as its database'],
    ['redis://localhost/12345678901', 'must have one whole number as its database'],
    ['redis://localhost?timeout=5', 'has a parameter that it does not take'],
    ['redis://localhost/0#now', 'must have no #'],
    ['redis://:100%@localhost', 'has a % that begins no percent-encoding'],
  ])('%j is refused', (url, message) => {
    expect(refusal(url)).toContain(`options.url ${message}`)
  })

  it.each(['#', '/', '?'])(
    'with %s as it is in its password is refused without the password',
    (mark) => {
      for (const url of [
        `redis://:hunter2${mark}hunter2@localhost:6379`,
        `redis://alice:hunter2${mark}hunter2@localhost:6379`,
        `redis://alice:1234${mark}hunter2@localhost:6379`,
        `unix://alice:hunter2${mark}hunter2@/run/redis.sock`,
      ]) {
        const message = refusal(url)
        expect(message).not.toMatch(/hunter2|1234|alice/)
        expect(message).toMatch(/percent-encode|whole number|parameter/i)
      }
    },
  )

  it('that holds a password never shows it in an error', () => {
    const secret = 'hunter2'
    const piece = fc.oneof(
      fc.string({ maxLength: 6 }),
      fc.constantFrom(
        'redis://',
        'redis-sentinel://',
        'redis-cluster://',
        'unix://',
        ',',
        '$1',
        '[',
        'db=',
      ),
      fc.constantFrom(':', '@', '/', '?', '#', '%'),
      fc.constantFrom('user:', 'localhost', ':6379', '/0', '?a=', '\\', '%zz', '12', '1234:'),
    )
    const around = fc.array(piece, { maxLength: 6 }).map((pieces) => pieces.join(''))
    const isTold = { refused: 0 }
    fc.assert(
      fc.property(around, around, (before, after) => {
        try {
          resolve({ url: `${before}${secret}${after}` })
        } catch (error) {
          isTold.refused += 1
          const { message, stack } = error as Error
          expect(`${message}${stack}`.toLowerCase()).not.toContain(secret)
        }
      }),
      { numRuns: 5_000 },
    )
    expect(isTold.refused).toBeGreaterThan(100)
  })

  it('that is accepted though its password was not encoded never makes a server of the password', () => {
    const secret = 'hunter2'
    const scheme = fc.constantFrom('redis://', 'rediss://', 'redis-sentinel://', 'redis-cluster://')
    const piece = fc.constantFrom(
      ':',
      '@',
      '/',
      '?',
      '#',
      '%25',
      '\\',
      ',',
      '[',
      ']',
      '12',
      'user',
      '&db=',
    )
    const around = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(scheme, around, around, (start, before, after) => {
        const url = `${start}${before}${secret}${after}@localhost:6379/0`
        try {
          const sentinel = { name: 'mymaster' }
          const topology = resolveTopology({ url, sentinel }, DEFAULTS.database, optionName)
          expect(nameOfTopology(topology)).not.toContain(secret)
        } catch (error) {
          expect((error as Error).message).not.toContain(secret)
        }
      }),
      { numRuns: 5_000 },
    )
  })

  it('gives back any username, password and socket path that were percent-encoded', () => {
    const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
    fc.assert(
      fc.property(text, text, (username, password) => {
        const userinfo = `${encodeURIComponent(username)}:${encodeURIComponent(password)}`
        const path = `/run/${username}`
        expect(resolve({ url: `redis://${userinfo}@localhost` })).toMatchObject({
          ...local,
          username,
          password,
        })
        expect(
          resolve({ url: `unix://${userinfo}@/run/${encodeURIComponent(username)}` }),
        ).toMatchObject({ username, password, path })
      }),
    )
  })
})

describe('the parts of the URL win over options, and options fill what it lacks:', () => {
  it('the .env example of the reference has its password and database', () => {
    expect(resolve({ url: 'redis://localhost:6379', password: 'your_password', db: 0 })).toEqual({
      ...local,
      password: 'your_password',
    })
    expect(resolve({ url: 'redis://localhost:6379', password: 'pw', db: 2 })).toEqual({
      ...local,
      password: 'pw',
      db: 2,
    })
  })

  it('every part', () => {
    const options = { host: 'other', port: 1, username: 'bob', password: 'no', db: 9 }
    expect(resolve({ url: 'redis://alice:pw@localhost:6380/0', ...options })).toEqual({
      host: 'localhost',
      port: 6380,
      username: 'alice',
      password: 'pw',
      db: 0,
    })
    expect(resolve({ url: 'redis://localhost', ...options })).toEqual({
      host: 'localhost',
      port: 1,
      username: 'bob',
      password: 'no',
      db: 9,
    })
    expect(resolve({ url: 'unix:///run/redis.sock', ...options })).toMatchObject({
      path: '/run/redis.sock',
      username: 'bob',
      password: 'no',
      db: 9,
    })
    expect(resolve({ url: 'redis://:pw@localhost', username: 'bob' })).toMatchObject({
      username: 'bob',
      password: 'pw',
    })
  })

  it('nothing at all is localhost:6379, database 0', () => {
    expect(resolve({})).toEqual(local)
  })

  it('database 0 and an empty password of the options are values', () => {
    expect(resolve({ db: 0, password: '' })).toEqual({ ...local, password: '' })
  })
})

describe('TLS', () => {
  it('is asked for by rediss: or by the option, with the host as the name to verify', () => {
    const tls = { servername: 'localhost' }
    expect(resolve({ url: 'rediss://localhost' })).toEqual({ ...local, tls })
    expect(resolve({ tls: {} })).toEqual({ ...local, tls })
    expect(resolve({ url: 'redis://localhost', tls: {} })).toEqual({ ...local, tls })
    expect(resolve({ url: 'redis://localhost' })).not.toHaveProperty('tls')
  })

  it('takes its options with either, and a servername of theirs stands', () => {
    const tls = { ca: 'CA', servername: 'redis.internal' }
    expect(resolve({ url: 'rediss://10.0.0.1', tls })).toMatchObject({ tls })
  })

  it('sends no name for an IP address', () => {
    expect(resolve({ url: 'rediss://127.0.0.1' }).tls).toEqual({})
    expect(resolve({ url: 'rediss://[::1]' }).tls).toEqual({})
  })
})

it.each([
  [{ host: 'localhost', port: 6379 }, 'localhost:6379'],
  [{ host: '::1', port: 6379 }, '[::1]:6379'],
  [{ host: 'localhost', port: 6379, path: '/run/redis.sock' }, '/run/redis.sock'],
])('the server at %j is called %s', (endpoint, name) => {
  expect(nameOfTopology({ kind: 'server', db: 0, ...endpoint })).toBe(name)
})
