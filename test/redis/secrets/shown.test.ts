import { createSecretKey, randomBytes } from 'node:crypto'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CHANNELS, RedisOAuthDatabase, type RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { formOf } from '../../support/encryption/encryption-places.js'
import { openDatabase, startServer } from '../../support/scene.js'
import {
  NAMES,
  NEVER_STORED,
  SECRETS,
  useEverything,
  useTheRest,
} from '../../support/secrets/secrets-in-use.js'
import { readable } from '../../support/secrets/secrets-witness.js'
import { bareClient } from '../../support/servers/bare-client.js'

const VARIABLE = 'ATXP_REDIS_ENCRYPTION_KEYS'
const keyBytes = { a: randomBytes(32), b: randomBytes(32), names: randomBytes(32) }

/** In every form in which a key can be given or shown. */
const KEYS = Object.fromEntries(
  Object.entries(keyBytes).flatMap(([name, key]) =>
    (['base64', 'base64url', 'hex', 'latin1'] as const).flatMap((encoding) => [
      [`${name} in ${encoding}`, key.toString(encoding)],
      [`${name} as bytes`, [...key].join(', ')],
      [
        `${name} as inspected`,
        [...key].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
      ],
    ]),
  ),
)

const PASSWORD = 'password-8c2f61d0'
const PASSPHRASE = 'correct horse battery staple 1234'
const EVERYTHING = { ...SECRETS, ...NEVER_STORED, ...KEYS, PASSWORD, PASSPHRASE }

const base64 = (name: keyof typeof keyBytes): string => keyBytes[name].toString('base64')
const encrypted: RedisOAuthDatabaseOptions = {
  encryption: {
    keys: [
      { id: 'a', key: base64('a') },
      { id: 'b', key: keyBytes.b },
    ],
  },
  hashKeys: { key: createSecretKey(keyBytes.names) },
}

/** As much as can be seen of something without its private members. */
const shown = (value: unknown): Buffer =>
  Buffer.from(
    [
      inspect(value, { depth: 10, showHidden: true, getters: true, maxStringLength: null }),
      value instanceof Error ? value.stack : '',
      safeJson(value),
    ].join('\n'),
  )

function safeJson(value: unknown): string {
  try {
    return JSON.stringify(value) ?? ''
  } catch {
    return ''
  }
}

async function failureOf(work: () => unknown): Promise<Error> {
  try {
    await work()
  } catch (error) {
    expect(error).toBeInstanceOf(Error)
    return error as Error
  }
  throw new Error(`did not fail: ${work}`)
}

describe('fromEnv', () => {
  it(`seals with the first key of ${VARIABLE} and opens with all`, async () => {
    const { url, path } = await startServer()
    const redis = bareClient({ path })
    const fromEnv = (keys: string): RedisOAuthDatabase => {
      const db = RedisOAuthDatabase.fromEnv({}, { REDIS_URL: url, [VARIABLE]: keys })
      onTestFinished(() => db.close())
      return db
    }
    const first = fromEnv(`a:${base64('a')}`)
    await first.storeToken('key', 'token')
    expect(formOf(await redis.getBuffer('atxp:oauth:key'))).toBe('a')
    const next = fromEnv(`b:${keyBytes.b.toString('hex')}, a:${base64('a')}`)
    expect(await next.getToken('key')).toBe('token')
    await next.storeToken('key', 'next')
    expect(formOf(await redis.getBuffer('atxp:oauth:key'))).toBe('b')
    await expect(first.getToken('key')).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
  })

  it(`encrypts nothing where ${VARIABLE} is unset, and what is given instead of it wins`, async () => {
    const { url, path } = await startServer()
    const redis = bareClient({ path })
    const plain = RedisOAuthDatabase.fromEnv({}, { REDIS_URL: url })
    onTestFinished(() => plain.close())
    await plain.storeToken('key', 'token')
    expect(await redis.get('atxp:oauth:key')).toBe('token')
    const env = { REDIS_URL: url, [VARIABLE]: `b:${base64('b')}` }
    const sealed = RedisOAuthDatabase.fromEnv(encrypted, env)
    onTestFinished(() => sealed.close())
    await sealed.storeToken('key', 'token')
    const names = (await redis.keys('*')).filter((name) => name !== 'atxp:oauth:key')
    expect(formOf(await redis.getBuffer(names[0] ?? ''))).toBe('a')
  })

  it.each([
    ['blank', '  '],
    ['a passphrase', PASSPHRASE],
    ['a passphrase with an id', `a:${PASSPHRASE}`],
    ['a passphrase of 32 characters', `a:${PASSPHRASE.slice(0, 32)}`],
    ['a key that is too short', `a:${keyBytes.a.subarray(1).toString('base64')}`],
    ['a key without an id', base64('a')],
    ['a key twice', `a:${base64('a')},b:${base64('a')}`],
    ['an entry too many', `a:${base64('a')},`],
  ])(`refuses ${VARIABLE} that is %s, and shows nothing of it`, async (_what, value) => {
    const env = { REDIS_URL: 'redis://localhost', [VARIABLE]: value }
    const error = await failureOf(() => RedisOAuthDatabase.fromEnv({}, env))
    expect(error).toBeInstanceOf(TypeError)
    expect(error.message).toContain(VARIABLE)
    expect(readable(EVERYTHING, [shown(error)])).toEqual([])
    if (value.includes('horse')) expect(error.message).not.toContain('horse')
  })
})

describe('no secret and no key can be seen', () => {
  it('in a database, before and after all of its methods were called', async () => {
    const { url } = await startServer()
    const [db, peer, durable] = [
      openDatabase({ url, ...encrypted }),
      openDatabase({ url, ...encrypted, cache: true }),
      openDatabase({ url, ...encrypted, durability: { replicas: 1, timeoutMs: 20 } }),
    ]
    // The search would find them.
    expect(readable(EVERYTHING, [shown(encrypted)])).toContain('a in base64')
    expect(readable(EVERYTHING, [shown(encrypted)])).toContain('b as inspected')
    const views = [shown(db)]
    const events: unknown[] = []
    const note = (event: unknown): number => events.push(event)
    for (const channel of Object.values(CHANNELS)) {
      subscribe(channel, note)
      onTestFinished(() => void unsubscribe(channel, note))
    }
    await useEverything(db, peer, durable, async () => {
      views.push(...[db, peer, durable, db.forResourceServer()].map(shown))
    })
    await useTheRest(db)
    views.push(...[db, peer, durable, db.encryptionKeyUsage()].map(shown))
    expect(readable(EVERYTHING, views)).toEqual([])
    expect(events.length).toBeGreaterThan(5)
    expect(readable({ ...EVERYTHING, ...NAMES }, events.map(shown))).toEqual([])
  })

  it('in what the constructor says of wrong options', async () => {
    const key = base64('a')
    const wrong: unknown[] = [
      { encryption: key },
      { encryption: [key] },
      { encryption: { key } },
      { encryption: { keys: key } },
      { encryption: { keys: [key] } },
      { encryption: { keys: [{ id: key, key }] } },
      { encryption: { keys: [{ id: 'a', key: `${key}=` }] } },
      { encryption: { keys: [{ id: 'a', key: PASSPHRASE }] } },
      { encryption: { keys: [{ id: 'a', key }], acceptPlaintext: key } },
      { encryption: { keys: [{ id: 'a', key }], memoBytes: key } },
      { ...encrypted, hashKeys: key },
      { ...encrypted, hashKeys: { key: PASSPHRASE } },
      { hashKeys: { key } },
    ]
    for (const options of wrong) {
      const error = await failureOf(() => new RedisOAuthDatabase(options as never))
      expect(error).toBeInstanceOf(TypeError)
      expect([options, readable(EVERYTHING, [shown(error)])]).toEqual([options, []])
    }
  })

  it('in any error', async () => {
    const server = await startServer({ requirepass: PASSWORD })
    const redis = bareClient({ path: server.path, password: PASSWORD })
    const open = (options: RedisOAuthDatabaseOptions = {}): RedisOAuthDatabase =>
      openDatabase({
        host: server.host,
        port: server.port,
        password: PASSWORD,
        commandTimeout: 300,
        ...encrypted,
        ...options,
      })
    const db = open()
    const { user, url, state, tokenKey, authorizationServer } = NAMES
    const { accessToken, refreshToken, resourceUrl, clientSecret, codeVerifier, token } = SECRETS
    const record = { accessToken, refreshToken, resourceUrl }
    const client = { clientId: SECRETS.clientId, clientSecret, redirectUri: SECRETS.redirectUri }
    const values = { codeVerifier, codeChallenge: SECRETS.codeChallenge, resourceUrl, url }
    const save = [
      (on = db) => on.storeToken(tokenKey, token),
      (on = db) => on.storeTokens([{ key: tokenKey, token }]),
      (on = db) => on.saveAccessToken(user, url, record),
      (on = db) => on.saveClientCredentials(authorizationServer, client),
      (on = db) => on.savePKCEValues(user, state, values),
    ]
    const read = [
      (on = db) => on.getToken(tokenKey),
      (on = db) => on.getAccessToken(user, url),
      (on = db) => on.getClientCredentials(authorizationServer),
      (on = db) => on.getPKCEValues(user, state),
    ]
    for (const call of save) await call()
    const errors: Error[] = []
    const fail = async (
      calls: ((on?: RedisOAuthDatabase) => unknown)[],
      on = db,
    ): Promise<void> => {
      for (const call of calls) errors.push(await failureOf(() => call(on)))
    }

    const misuse: [method: string, ...args: unknown[]][] = [
      ['storeToken', tokenKey, { token }],
      ['storeToken', tokenKey, [token]],
      ['storeToken', tokenKey, token, token],
      ['storeTokens', [{ key: tokenKey, token: { token } }]],
      ['saveAccessToken', user, url, accessToken],
      ['saveAccessToken', user, url, { accessToken: { accessToken } }],
      ['saveAccessToken', user, url, { ...record, expiresAt: refreshToken }],
      ['saveClientCredentials', authorizationServer, { ...client, clientId: undefined }],
      ['savePKCEValues', user, state, { ...values, codeVerifier: [codeVerifier] }],
    ]
    const untyped = db as unknown as Record<string, (...args: unknown[]) => unknown>
    await fail(
      misuse.map(
        ([method, ...args]) =>
          () =>
            untyped[method]?.(...args),
      ),
    )
    const withAnotherKey = open({ encryption: { keys: [{ id: 'a', key: randomBytes(32) }] } })
    await fail([...read, (on = db) => on.listTokens()], withAnotherKey)
    const failing = {
      seal: (bytes: Uint8Array): never => {
        throw Object.assign(new Error(`cannot seal ${bytes}`), { plaintext: bytes, code: 'KMS' })
      },
      open: async (bytes: Uint8Array): Promise<never> => {
        throw Object.assign(new Error(`cannot open ${bytes}`), { bytes })
      },
    }
    await fail(save, open({ encryption: failing }))
    await fail(save, open({ password: `${PASSWORD}-wrong` }))
    await fail(save, open({ durability: { replicas: 1, timeoutMs: 20 } }))
    for (const name of await redis.keys('*')) {
      await redis.del(name)
      await redis.hset(name, 'field', 'value')
    }
    await fail(read)
    server.pause()
    await fail(save)
    server.resume()
    await server.kill()
    await fail(save)
    await db.close()
    await fail(save)

    const codes = errors.map((error) => (error as { code?: string }).code ?? error.name)
    expect(codes).toEqual(
      expect.arrayContaining([
        'AUTHENTICATION_FAILED',
        'CLOSED',
        'CONNECTION_REFUSED',
        'INVALID_ENTRY',
        'NOT_DURABLE',
        'OUTCOME_UNKNOWN',
        'SEALING_FAILED',
        'TypeError',
        'UNREADABLE_RECORD',
        'WRONG_TYPE',
      ]),
    )
    for (const error of errors) {
      expect([error.message, readable(EVERYTHING, [shown(error)])]).toEqual([error.message, []])
    }
  })
})
