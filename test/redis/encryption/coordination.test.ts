import { randomBytes } from 'node:crypto'
import type { Redis } from 'ioredis'
import { describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { REFUSAL } from '../../support/encryption/encryption-places.js'
import { discovering } from '../../support/oauth/discovery.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { bareClient } from '../../support/servers/bare-client.js'

const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const ACCESS_KEY = `atxp:oauth:~access:{alice}:${URL}`
const TOKEN = { accessToken: 'old', refreshToken: 'old-refresh', resourceUrl: URL }
const VALUES = { codeVerifier: 'verifier', codeChallenge: 'c', resourceUrl: URL, url: URL }

const keyA = { id: 'a', key: randomBytes(32) }
const keyB = { id: 'b', key: randomBytes(32) }

async function start(): Promise<{
  redis: Redis
  open(encryption: RedisOAuthDatabaseOptions['encryption']): RedisOAuthDatabase
}> {
  const { url, path } = await startServer()
  return {
    redis: bareClient({ path }),
    open: (encryption) => openDatabase({ url, encryption }),
  }
}

/** Registers with metadata of that name; the authorization server gives `clientId`. */
async function register(db: RedisOAuthDatabase, name: string, clientId: string): Promise<unknown> {
  const fetch = await discovering(
    (fetch) => db.coordinatedFetch(fetch),
    ISSUER,
    async () => Response.json({ client_id: clientId }, { status: 201 }),
  )
  const body = JSON.stringify({ client_name: name, redirect_uris: ['https://app.example'] })
  const reply = await fetch(`${ISSUER}/register`, { method: 'POST', body })
  return reply.json()
}

function refresh(
  db: RedisOAuthDatabase,
  answer: () => Promise<Response>,
): Promise<{ status: number }> {
  const { refreshToken } = TOKEN
  const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: refreshToken })
  return db.coordinatedFetch(answer)(`${ISSUER}/token`, { method: 'POST', body })
}

const renewed = async (): Promise<Response> =>
  Response.json({ access_token: 'new', refresh_token: 'new-refresh' })

describe('a registration that processes share', () => {
  it('reaches a peer sealed', async () => {
    const { redis, open } = await start()
    await register(open({ keys: [keyA] }), 'one', 'first')
    const [key = ''] = await redis.keys('*~reply:*')
    expect((await redis.getBuffer(key))?.[0]).toBe(0xfa)
    const answer = await register(open({ keys: [keyA] }), 'one', 'second')
    expect(answer).toEqual({ client_id: 'first' })
  })

  it.each([
    ['planted', async () => '{"client_id":"planted"}'],
    [
      'exchanged for that of another registration',
      async (redis: Redis, other: string) => (await redis.getBuffer(other)) as Buffer,
    ],
  ])('is not taken from Redis when it was %s: the peer registers itself', async (_how, forge) => {
    const { redis, open } = await start()
    await register(open({ keys: [keyA] }), 'other', 'other')
    const [other = ''] = await redis.keys('*~reply:*')
    await register(open({ keys: [keyA] }), 'one', 'first')
    const [own = ''] = (await redis.keys('*~reply:*')).filter((key) => key !== other)
    await redis.set(own, await forge(redis, other))
    const answer = await register(open({ keys: [keyA] }), 'one', 'second')
    expect(answer).toEqual({ client_id: 'second' })
  })
})

it.each(['{"client_id"', 'null', '{}', '{"client_id":5}'])(
  'a plain reply that is none is passed over, and never quoted: %s',
  async (planted) => {
    const { redis, open } = await start()
    await register(open(undefined), 'one', 'first')
    const [key = ''] = await redis.keys('*~reply:*')
    await redis.set(key, planted)
    expect(await register(open(undefined), 'one', 'second')).toEqual({ client_id: 'second' })
  },
)

describe('a refresh', () => {
  it('happens once among processes that seal with different keys', async () => {
    const { open } = await start()
    const processes = [open({ keys: [keyA, keyB] }), open({ keys: [keyB, keyA] })]
    await processes[0]?.saveAccessToken('alice', URL, TOKEN)
    for (const db of processes) expect(await db.getAccessToken('alice', URL)).toEqual(TOKEN)
    let requests = 0
    const answer = async (): Promise<Response> => {
      requests += 1
      return renewed()
    }
    const answers = await Promise.all(processes.map((db) => refresh(db, answer)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200])
    expect(requests).toBe(1)
    for (const db of processes) {
      expect((await db.getAccessToken('alice', URL))?.refreshToken).toBe('new-refresh')
    }
  })

  it('is refused, and overwrites nothing, when the record was exchanged while it was under way', async () => {
    const { redis, open } = await start()
    const db = open({ keys: [keyA] })
    await db.saveAccessToken('alice', URL, TOKEN)
    await db.saveAccessToken('bob', URL, { ...TOKEN, refreshToken: 'of-bob' })
    await db.getAccessToken('alice', URL)
    const refreshing = refresh(db, async () => {
      await redis.copy(`atxp:oauth:~access:{bob}:${URL}`, ACCESS_KEY, 'REPLACE')
      return renewed()
    })
    await expect(refreshing).rejects.toMatchObject(REFUSAL)
    expect(await redis.getBuffer(ACCESS_KEY)).toEqual(
      await redis.getBuffer(`atxp:oauth:~access:{bob}:${URL}`),
    )
  })

  it('saves its pair over a record that was sealed anew while it was under way', async () => {
    const { open } = await start()
    await open({ keys: [keyA] }).saveAccessToken('alice', URL, TOKEN)
    const db = open({ keys: [keyB, keyA] })
    await db.getAccessToken('alice', URL)
    const answer = await refresh(db, async () => {
      expect(await open({ keys: [keyB, keyA] }).reseal()).toMatchObject({ resealed: 1 })
      return renewed()
    })
    expect(answer.status).toBe(200)
    expect((await db.getAccessToken('alice', URL))?.refreshToken).toBe('new-refresh')
  })
})

describe('PKCE values', () => {
  it('that a process cannot open are not consumed, and reach the first that can', async () => {
    const { open } = await start()
    await open({ keys: [keyB] }).savePKCEValues('alice', 'state', VALUES)
    const stranger = open({ keys: [keyA] })
    await expect(stranger.getPKCEValues('alice', 'state')).rejects.toMatchObject(REFUSAL)
    await expect(stranger.getPKCEValues('alice', 'state')).rejects.toMatchObject(REFUSAL)
    const db = open({ keys: [keyA, keyB] })
    expect(await db.getPKCEValues('alice', 'state')).toEqual(VALUES)
    expect(await db.getPKCEValues('alice', 'state')).toBeNull()
  })

  it('that are saved anew while a reader opens them are the ones that it gets', async () => {
    const { open } = await start()
    const newer = { ...VALUES, codeVerifier: 'newer' }
    const passing = async (bytes: Uint8Array): Promise<Uint8Array> => bytes
    const peer = open({ seal: passing, open: passing })
    await peer.savePKCEValues('alice', 'state', VALUES)
    let isFirst = true
    const db = open({
      seal: passing,
      open: async (bytes) => {
        if (isFirst) await peer.savePKCEValues('alice', 'state', newer)
        isFirst = false
        return bytes
      },
    })
    expect(await db.getPKCEValues('alice', 'state')).toEqual(newer)
    expect(await db.getPKCEValues('alice', 'state')).toBeNull()
  })

  it('are still consumed and returned when close() is called meanwhile', async () => {
    const { open } = await start()
    const db = open({ keys: [keyA] })
    await db.savePKCEValues('alice', 'state', VALUES)
    const reading = db.getPKCEValues('alice', 'state')
    await db.close()
    expect(await reading).toEqual(VALUES)
    expect(await open({ keys: [keyA] }).getPKCEValues('alice', 'state')).toBeNull()
  })
})
