import type { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import {
  type RedisOAuthDatabase,
  RedisOAuthDatabaseError,
  type Sealing,
} from '../../../src/index.js'
import { KeyService } from '../../support/encryption/key-service.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { NEVER_STORED, SECRETS, useEverything } from '../../support/secrets/secrets-in-use.js'
import { everyKey, readable } from '../../support/secrets/secrets-witness.js'
import { bareClient } from '../../support/servers/bare-client.js'

const COMMAND_TIMEOUT_MS = 500
const URL = 'https://server.example/mcp'
const TOKEN = { accessToken: 'old', refreshToken: 'old-refresh', resourceUrl: URL }
const VALUES = { codeVerifier: 'verifier', codeChallenge: 'c', resourceUrl: URL, url: URL }

async function start(): Promise<{
  redis: Redis
  kms: KeyService
  open(sealing?: Sealing): RedisOAuthDatabase
  url: string
}> {
  const { url, path } = await startServer()
  const kms = new KeyService()
  const open = (sealing: Sealing = kms): RedisOAuthDatabase =>
    openDatabase({ url, encryption: sealing, commandTimeout: COMMAND_TIMEOUT_MS })
  return { redis: bareClient({ path }), kms, open, url }
}

/** A promise, and what settles it. */
function gate(): { opened: Promise<void>; open(): void } {
  let open = (): void => undefined
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

function refresh(
  db: RedisOAuthDatabase,
  answer: () => Promise<Response>,
): Promise<{ status: number }> {
  const { refreshToken } = TOKEN
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  return db.coordinatedFetch(answer)('https://auth.example/token', { method: 'POST', body })
}

const renewed = async (): Promise<Response> =>
  Response.json({ access_token: 'new', refresh_token: 'new-refresh' })

describe('a key service that takes its time', () => {
  it('serves every method, and leaves nothing readable in Redis', async () => {
    const { redis, kms, url } = await start()
    const options = { url, encryption: kms }
    const seen: Buffer[] = []
    await useEverything(
      openDatabase(options),
      openDatabase(options),
      openDatabase({ ...options, durability: { replicas: 1, timeoutMs: 20 } }),
      async () => {
        const { values, dumps } = await everyKey(redis)
        seen.push(...values.values(), ...dumps)
      },
    )
    expect(readable({ ...SECRETS, ...NEVER_STORED }, seen)).toEqual([])
    expect(seen.some((value) => value[0] === 0xfb)).toBe(true)
  })

  it('lets two writes that nobody awaits arrive in another order', async () => {
    const { kms, open } = await start()
    const db = open()
    const first = gate()
    kms.before = () => first.opened
    const slow = db.storeToken('key', 'called first')
    kms.before = async () => undefined
    await db.storeToken('key', 'called second')
    first.open()
    await slow
    expect(await db.getToken('key')).toBe('called first')
  })

  it('keeps the order of writes that are awaited', async () => {
    const { open } = await start()
    const db = open()
    for (let i = 0; i < 20; i++) {
      await db.storeToken('key', `${i}`)
      expect(await db.getToken('key')).toBe(`${i}`)
    }
  })

  it('lets a read miss the write before it, if that is not awaited', async () => {
    const { kms, open } = await start()
    const db = open()
    const sealing = gate()
    kms.before = (call) => (call === 'seal' ? sealing.opened : Promise.resolve())
    const writing = db.storeToken('key', 'token')
    expect(await db.getToken('key')).toBeNull()
    sealing.open()
    await writing
    expect(await db.getToken('key')).toBe('token')
  })

  it('has close() wait for a write that is still being sealed', async () => {
    const { redis, kms, open } = await start()
    const db = open()
    await db.ping()
    const sealing = gate()
    kms.before = () => sealing.opened
    const writing = db.storeToken('key', 'token')
    const closing = db.close()
    sealing.open()
    await closing
    await writing
    expect(await redis.keys('*')).toEqual(['atxp:oauth:key'])
  })

  it('has close() give up a write that is never sealed, and nothing sends it later', async () => {
    const { redis, kms, open } = await start()
    const db = open()
    await db.ping()
    const sealing = gate()
    kms.before = () => sealing.opened
    const writing = db.storeToken('key', 'token')
    const failure = expect(writing).rejects.toMatchObject({
      code: 'CLOSED',
      operation: 'storeToken',
    })
    await db.close({ timeoutMs: 20 })
    await failure
    sealing.open()
    await db.close()
    expect(await redis.keys('*')).toEqual([])
  })

  it('has close() wait for a renewed pair until it is sealed and saved', async () => {
    const { kms, open } = await start()
    const [db, peer] = [open(), open()]
    await db.saveAccessToken('alice', URL, TOKEN)
    await db.getAccessToken('alice', URL)
    const [asked, sealing] = [gate(), gate()]
    const refreshing = refresh(db, async () => {
      kms.before = (call) => {
        if (call === 'open') return Promise.resolve()
        asked.open()
        return sealing.opened
      }
      return renewed()
    })
    await asked.opened
    let isClosed = false
    const closing = db.close().then(() => {
      isClosed = true
    })
    expect((await peer.getAccessToken('alice', URL))?.refreshToken).toBe('old-refresh')
    expect(isClosed).toBe(false)
    sealing.open()
    await closing
    expect((await refreshing).status).toBe(200)
    expect((await peer.getAccessToken('alice', URL))?.refreshToken).toBe('new-refresh')
  })
})

describe('a synchronous sealing', () => {
  it('keeps the order of writes and reads that nobody awaits', async () => {
    const { open } = await start()
    const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff)
    const db = open({ seal: turned, open: turned })
    const writes = Array.from({ length: 50 }, (_, i) => db.storeToken('key', `${i}`))
    expect(await db.getToken('key')).toBe('49')
    await Promise.all(writes)
  })
})

describe('a key service that hangs', () => {
  it('holds up the calls that need it, beyond commandTimeout, and no others', async () => {
    const { kms, open } = await start()
    const db = open()
    await db.storeToken('known', 'token')
    await db.getToken('known')
    await db.storeToken('key', 'token')
    const hanging = gate()
    kms.before = () => hanging.opened
    let settled = 0
    const calls = [db.getToken('key'), db.storeToken('other', 'token')]
    for (const call of calls) void call.then(() => settled++)
    // It was opened before, and is remembered.
    const until = performance.now() + COMMAND_TIMEOUT_MS + 200
    while (performance.now() < until) {
      expect(await db.getToken('known')).toBe('token')
      expect(await db.hasToken('key')).toBe(true)
    }
    expect(settled).toBe(0)
    hanging.open()
    expect(await Promise.all(calls)).toEqual(['token', undefined])
  })

  it('is bounded by functions that give up: the call fails, and Redis is as it was', async () => {
    const { redis, kms, open } = await start()
    const never = (): Promise<never> => new Promise(() => undefined)
    const late = (): Promise<never> =>
      new Promise((_, reject) => {
        const signal = AbortSignal.timeout(20)
        const reason = Object.assign(new Error('no answer'), { name: 'TimeoutError' })
        signal.addEventListener('abort', () => reject(reason))
      })
    const db = open({
      seal: (bytes, context) => Promise.race([kms.seal(bytes, context), late()]),
      open: (bytes, context) => Promise.race([kms.open(bytes, context), late()]),
    })
    kms.before = never
    await expect(db.storeToken('key', 'token')).rejects.toMatchObject({
      code: 'SEALING_FAILED',
      message: expect.stringContaining('encryption.seal failed: it threw TimeoutError'),
    })
    expect(await redis.keys('*')).toEqual([])
  })
})

describe('a key service that fails', () => {
  const failing = async (): Promise<never> => {
    throw Object.assign(new Error('secret details'), { code: 'AccessDeniedException' })
  }

  it('fails the call with SEALING_FAILED, changes nothing, and costs no login', async () => {
    const { redis, kms, open } = await start()
    const db = open()
    await db.storeToken('key', 'token')
    await db.savePKCEValues('alice', 'state', VALUES)
    const before = await everyKey(redis)
    const former = kms.before
    kms.before = failing
    const failed = (name: string): object => ({
      code: 'SEALING_FAILED',
      message: expect.stringContaining(
        `encryption.${name} failed: it threw Error AccessDeniedException`,
      ),
    })
    await expect(db.storeToken('key', 'other')).rejects.toMatchObject(failed('seal'))
    await expect(db.getToken('key')).rejects.toMatchObject(failed('open'))
    await expect(db.getPKCEValues('alice', 'state')).rejects.toMatchObject(failed('open'))
    expect(await everyKey(redis)).toEqual(before)
    kms.before = former
    expect(await db.getPKCEValues('alice', 'state')).toEqual(VALUES)
    expect(await db.getToken('key')).toBe('token')
  })

  it('costs no session when it is well again soon after a refresh', async () => {
    const { kms, open } = await start()
    const db = open()
    await db.saveAccessToken('alice', URL, TOKEN)
    await db.getAccessToken('alice', URL)
    const former = kms.before
    let failures = 0
    const answer = await refresh(db, async () => {
      kms.before = async (call) => {
        if (call === 'open') return former(call)
        failures += 1
        return failures < 3 ? failing() : former(call)
      }
      return renewed()
    })
    expect(answer.status).toBe(200)
    expect(failures).toBe(3)
    expect((await db.getAccessToken('alice', URL))?.refreshToken).toBe('new-refresh')
  })

  it('refuses an exchanged record in its own way, or as UNREADABLE_RECORD where it says so', async () => {
    const { redis, kms, open } = await start()
    const db = open()
    await db.storeToken('a', 'token')
    await db.storeToken('b', 'token')
    await redis.copy('atxp:oauth:a', 'atxp:oauth:b', 'REPLACE')
    await expect(db.getToken('b')).rejects.toMatchObject({ code: 'SEALING_FAILED' })
    const telling = open({
      seal: (bytes, context) => kms.seal(bytes, context),
      open: (bytes, context) =>
        kms.open(bytes, context).catch(() => {
          throw new RedisOAuthDatabaseError('UNREADABLE_RECORD', 'it was altered')
        }),
    })
    await expect(telling.getToken('b')).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
  })
})
