import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import { operationsOf } from '../../../src/database/operations-of.js'
import { RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { ENV_NAMES, optionsFromEnv } from '../../../src/options/environment.js'

function refusal(env: Record<string, string>): string {
  try {
    RedisOAuthDatabase.fromEnv({}, env)
  } catch (error) {
    expect(error).toBeInstanceOf(TypeError)
    return (error as Error).message
  }
  throw new Error('it was accepted')
}

describe('fromEnv', () => {
  it('reads each of its variables', () => {
    const env = {
      REDIS_URL: 'redis://localhost',
      REDIS_HOST: 'redis.example.com',
      REDIS_PORT: '6380',
      REDIS_USERNAME: 'alice',
      REDIS_PASSWORD: 'secret',
      REDIS_DB: '2',
      REDIS_KEY_PREFIX: 'myapp:oauth:',
    }
    expect(optionsFromEnv(env).options).toEqual({
      url: 'redis://localhost',
      host: 'redis.example.com',
      port: 6380,
      username: 'alice',
      password: 'secret',
      db: 2,
      keyPrefix: 'myapp:oauth:',
    })
    expect(Object.keys(env).sort()).toEqual(Object.values(ENV_NAMES).sort())
  })

  it('takes a variable that is unset or empty as left out', () => {
    const empty = Object.fromEntries(Object.values(ENV_NAMES).map((name) => [name, '']))
    expect(optionsFromEnv(empty).options).toEqual({})
    expect(optionsFromEnv({}).options).toEqual({})
  })

  it.each([
    ['REDIS_URL', 'localhost:6379', 'REDIS_URL is not a Redis URL: write redis:// before the host'],
    ['REDIS_URL', 'redis://host:port', 'REDIS_URL is not a Redis URL; it takes redis://'],
    ['REDIS_URL', 'redis://localhost/one', 'REDIS_URL must have one whole number as its database'],
    ['REDIS_HOST', 'redis://localhost', 'REDIS_HOST must be a host name or IP address'],
    ['REDIS_PORT', 'tcp://10.0.0.1:6379', 'REDIS_PORT must be an integer from 1 to 65535'],
    ['REDIS_PORT', '70000', 'REDIS_PORT must be an integer from 1 to 65535, not 70000'],
    ['REDIS_PORT', '0x10', 'REDIS_PORT must be an integer from 1 to 65535'],
    ['REDIS_PORT', ' 6379', 'REDIS_PORT must be an integer from 1 to 65535'],
    ['REDIS_DB', 'one', 'REDIS_DB must be an integer from 0'],
    ['REDIS_DB', '-1', 'REDIS_DB must be an integer from 0'],
    ['REDIS_DB', '1.5', 'REDIS_DB must be an integer from 0'],
    ['REDIS_KEY_PREFIX', 'a{b', 'REDIS_KEY_PREFIX must be a string'],
  ])('says that %s is wrong when it is %j', (variable, value, message) => {
    expect(refusal({ [variable]: value })).toContain(message)
  })

  it('lets an option win over its variable, and names the option when that one is wrong', () => {
    const env = { REDIS_PORT: '6380' }
    expect(() => RedisOAuthDatabase.fromEnv({ port: 0 }, env)).toThrow(/^options\.port must be/)
    expect(() => RedisOAuthDatabase.fromEnv({ port: 6381 }, env)).not.toThrow()
  })

  it('reads process.env when it is given none', () => {
    const before = process.env.REDIS_PORT
    process.env.REDIS_PORT = 'no port'
    try {
      expect(() => RedisOAuthDatabase.fromEnv()).toThrow(/^REDIS_PORT must be/)
    } finally {
      if (before === undefined) delete process.env.REDIS_PORT
      else process.env.REDIS_PORT = before
    }
  })

  it('never shows a value of REDIS_URL, REDIS_USERNAME or REDIS_PASSWORD in an error', () => {
    const secret = 'hunter2'
    fc.assert(
      fc.property(
        fc.constantFrom(...Object.values(ENV_NAMES)),
        fc.string(),
        fc.string(),
        (wrong, before, after) => {
          const env = {
            REDIS_URL: `${before}${secret}${after}`,
            REDIS_USERNAME: secret,
            REDIS_PASSWORD: secret,
            ...(wrong !== 'REDIS_URL' && { REDIS_URL: '' }),
            ...(wrong === 'REDIS_PORT' && { REDIS_PORT: 'none' }),
            ...(wrong === 'REDIS_DB' && { REDIS_DB: 'none' }),
          }
          try {
            RedisOAuthDatabase.fromEnv({}, env)
          } catch (error) {
            expect((error as Error).message).not.toContain(secret)
          }
        },
      ),
    )
  })
})

it('an option that is undefined leaves the variable in force, also the encryption keys', () => {
  const given = { host: undefined, encryption: undefined }
  expect(optionsFromEnv({ REDIS_HOST: 'redis.example.com' }, given).options).toEqual({
    host: 'redis.example.com',
  })
  const env = { ATXP_REDIS_ENCRYPTION_KEYS: `a:${randomBytes(32).toString('hex')}` }
  const [usage] = RedisOAuthDatabase.fromEnv(given, env).encryptionKeyUsage()
  expect(usage?.id).toBe('a')
})

describe('what the code says of the place', () => {
  const env = {
    REDIS_URL: 'redis://alice:secret@elsewhere:1/2',
    REDIS_HOST: 'elsewhere',
    REDIS_PORT: '1',
    REDIS_USERNAME: 'alice',
    REDIS_PASSWORD: 'secret',
    REDIS_DB: '2',
    REDIS_KEY_PREFIX: 'app:',
  }
  const client = new Redis({ lazyConnect: true })

  it.each<RedisOAuthDatabaseOptions>([
    { host: 'other' },
    { url: 'redis://other' },
    { path: '/run/redis.sock' },
    { sentinel: { name: 'm', nodes: [{ host: 'other', port: 1 }] } },
    { cluster: { nodes: [{ host: 'other', port: 1 }] } },
    { client },
  ])('displaces the variables of another place, and no secret goes there: %#', (given) => {
    expect(optionsFromEnv(env, given).options).toEqual({ ...given, keyPrefix: 'app:' })
    expect(() => RedisOAuthDatabase.fromEnv(given, env)).not.toThrow()
  })

  it('leaves the variables in force beside what says no place', () => {
    const beside = { sentinel: { password: 'other' } }
    const sentinels = { REDIS_URL: 'redis-sentinel://h?name=m', REDIS_PASSWORD: 'secret' }
    expect(optionsFromEnv(sentinels, beside).options).toEqual({
      ...beside,
      url: 'redis-sentinel://h?name=m',
      password: 'secret',
    })
    const { REDIS_URL, ...parts } = env
    expect(optionsFromEnv(parts, { port: 2 }).options).toMatchObject({
      host: 'elsewhere',
      port: 2,
      password: 'secret',
    })
  })

  it('displaces the login where credentials are asked', () => {
    const { REDIS_URL, ...parts } = env
    const credentials = () => ({ password: 'new' })
    const { options } = optionsFromEnv(parts, { credentials })
    expect(options).not.toHaveProperty('password')
    expect(options).not.toHaveProperty('username')
    expect(() => RedisOAuthDatabase.fromEnv({ credentials }, env)).toThrow(
      'options.credentials and REDIS_URL both say who logs in',
    )
  })

  it.each<[RedisOAuthDatabaseOptions, string]>([
    [{ port: 2 }, 'options.port and REDIS_URL say different things'],
    [{ db: 3 }, 'options.db and REDIS_URL say different things'],
    [{ username: 'bob' }, 'options.username and REDIS_URL say different things'],
    [{ password: 'other' }, 'options.password and REDIS_URL say different things'],
    [{ sentinel: { name: 'm' } }, 'REDIS_URL and options.sentinel both say where Redis is'],
  ])('is not overruled by REDIS_URL without a word: %j', (given, message) => {
    expect(() => RedisOAuthDatabase.fromEnv(given, env)).toThrow(message)
  })

  it('may say the same as REDIS_URL, or what it lacks', () => {
    expect(() => RedisOAuthDatabase.fromEnv({ db: 2, port: 1 }, env)).not.toThrow()
    const bare = { REDIS_URL: 'redis://elsewhere' }
    expect(() => RedisOAuthDatabase.fromEnv({ db: 3, password: 'x' }, bare)).not.toThrow()
    const sentinel = { REDIS_URL: 'redis-sentinel://elsewhere' }
    expect(() => RedisOAuthDatabase.fromEnv({ sentinel: { name: 'm' } }, sentinel)).not.toThrow()
  })
})

it('an empty variable of encryption keys is refused, and keys in the code win', () => {
  const empty = { ATXP_REDIS_ENCRYPTION_KEYS: '' }
  expect(() => RedisOAuthDatabase.fromEnv({}, empty)).toThrow(/^ATXP_REDIS_ENCRYPTION_KEYS/)
  const encryption = { keys: [{ id: 'mine', key: randomBytes(32) }] }
  const wrong = { ATXP_REDIS_ENCRYPTION_KEYS: 'nonsense' }
  const [usage] = RedisOAuthDatabase.fromEnv({ encryption }, wrong).encryptionKeyUsage()
  expect(usage?.id).toBe('mine')
})

describe('ATXP_REDIS_HASH_KEY', () => {
  const key = randomBytes(32).toString('base64url')
  const keys = { ATXP_REDIS_ENCRYPTION_KEYS: `a:${randomBytes(32).toString('hex')}` }
  const nameIn = (db: RedisOAuthDatabase): string =>
    operationsOf(db).parts.keys.of('token', 'user_123').redisKey

  it('hides names, as the option does', () => {
    const env = { ...keys, ATXP_REDIS_HASH_KEY: key }
    const name = nameIn(RedisOAuthDatabase.fromEnv({}, env))
    expect(name).not.toContain('user_123')
    expect(nameIn(RedisOAuthDatabase.fromEnv({ hashKeys: { key } }, keys))).toBe(name)
    const other = { hashKeys: { key: randomBytes(32) } }
    expect(nameIn(RedisOAuthDatabase.fromEnv(other, env))).not.toBe(name)
  })

  it.each([
    [{ ...keys, ATXP_REDIS_HASH_KEY: '' }, /^ATXP_REDIS_HASH_KEY must be 32 random bytes/],
    [{ ...keys, ATXP_REDIS_HASH_KEY: 'hunter2' }, /^ATXP_REDIS_HASH_KEY must be 32 random bytes/],
    [{ ATXP_REDIS_HASH_KEY: key }, /^ATXP_REDIS_HASH_KEY needs ATXP_REDIS_ENCRYPTION_KEYS$/],
  ])('is refused without showing it: case %#', (env, message) => {
    expect(() => RedisOAuthDatabase.fromEnv({}, env)).toThrow(message)
    expect(() => RedisOAuthDatabase.fromEnv({}, env)).not.toThrow(/hunter2/)
  })
})

it.each([
  [null, {}, 'options must be an object'],
  ['redis://:hunter2@x', {}, 'options must be an object: a Redis URL goes in it as { url }'],
  [{}, null, 'env must be an object of environment variables, as process.env is'],
  [{}, 'REDIS_URL', 'env must be an object of environment variables, as process.env is'],
])('fromEnv(%j, %j) says what it takes', (options, env, message) => {
  const call = () => RedisOAuthDatabase.fromEnv(options as never, env as never)
  expect(call).toThrow(new TypeError(message))
})

it('says of REDIS_URL what is missing or too much in it', () => {
  expect(() => RedisOAuthDatabase.fromEnv({}, { REDIS_URL: 'redis-cluster://a:1/2' })).toThrow(
    'REDIS_URL must have 0 as its database',
  )
  expect(() => RedisOAuthDatabase.fromEnv({}, { REDIS_URL: 'redis-sentinel://a:1' })).toThrow(
    'REDIS_URL must say what the Sentinels call the master',
  )
})
