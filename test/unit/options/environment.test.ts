import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
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
    expect(optionsFromEnv(env)).toEqual({
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
    expect(optionsFromEnv(empty)).toEqual({})
    expect(optionsFromEnv({})).toEqual({})
  })

  it.each([
    ['REDIS_URL', 'localhost:6379', 'REDIS_URL is not a Redis URL; it takes redis://'],
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
  expect(optionsFromEnv({ REDIS_HOST: 'redis.example.com' }, given)).toEqual({
    host: 'redis.example.com',
  })
  const env = { ATXP_REDIS_ENCRYPTION_KEYS: `a:${randomBytes(32).toString('hex')}` }
  const [usage] = RedisOAuthDatabase.fromEnv(given, env).encryptionKeyUsage()
  expect(usage?.id).toBe('a')
})

it('an option that says where Redis is displaces every variable that does', () => {
  const env = { REDIS_URL: 'redis://elsewhere', REDIS_PORT: '1', REDIS_PASSWORD: 'secret' }
  expect(optionsFromEnv(env, { host: 'localhost' })).toEqual({ password: 'secret' })
  const beside = { sentinel: { password: 'secret' }, cluster: { natMap: {} } }
  expect(optionsFromEnv(env, beside)).toMatchObject({ url: 'redis://elsewhere' })
})

it('says of REDIS_URL what is missing or too much in it', () => {
  expect(() => RedisOAuthDatabase.fromEnv({}, { REDIS_URL: 'redis-cluster://a:1/2' })).toThrow(
    'REDIS_URL must have 0 as its database',
  )
  expect(() => RedisOAuthDatabase.fromEnv({}, { REDIS_URL: 'redis-sentinel://a:1' })).toThrow(
    'REDIS_URL must say what the Sentinels call the master',
  )
})
