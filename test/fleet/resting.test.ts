import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../src/index.js'
import { lasts } from '../support/faults/duration.js'
import {
  answering,
  type FailingServer,
  type Failure,
  hangingUp,
  startFailingServer,
} from '../support/outages/failing-server.js'
import { startProcesses, type TestProcess } from '../support/processes/processes.js'
import { type RedisServer, startRedis } from '../support/servers/redis-server.js'

const TIMEOUT_MS = 60_000
const entry = fileURLToPath(new URL('../support/outages/refresher.mjs', import.meta.url))
const PROCESSES = 8
const CALLERS_EACH = 20
/** Callers that know nothing of rests try again after this. */
const PAUSE_MS = 1_000
const ASKED_FOR_MS = 8_000
const URL_OF_RECORD = 'https://mcp.example/mcp'

let redis: RedisServer
let server: FailingServer
let processes: TestProcess[]
let db: RedisOAuthDatabase

beforeAll(async () => {
  redis = await startRedis()
  server = await startFailingServer()
  processes = await startProcesses({ entry, count: PROCESSES })
  await Promise.all(processes.map((each) => each.call('open', { url: redis.url })))
  db = new RedisOAuthDatabase({ url: redis.url })
})
afterAll(async () => {
  await Promise.all((processes ?? []).map((each) => each.kill()))
  await db?.close()
  await server?.stop()
  await redis?.stop()
})

interface Storm {
  ends: Record<string, number>
  shortestMs: number
}

const sessionOf = (user: string, path: string) => ({
  user,
  url: URL_OF_RECORD,
  tokenUrl: server.urlOf(path),
  client: { client_id: 'client' },
  expired: `access of ${user}`,
})

const save = (user: string, expiresAt?: number) =>
  db.saveAccessToken(user, URL_OF_RECORD, {
    accessToken: `access of ${user}`,
    refreshToken: `refresh of ${user}`,
    resourceUrl: URL_OF_RECORD,
    ...(expiresAt !== undefined && { expiresAt }),
  })

/** All callers of all processes at once, for 10 s and until the server is mended. */
async function stormAt(path: string, failure: Failure) {
  await save(path)
  server.fail(path, failure)
  const storms = processes.map((each) =>
    each.call<Storm>('storm', sessionOf(path, path), CALLERS_EACH, PAUSE_MS),
  )
  await lasts(10_000)
  const requests = [...server.requests(path)]
  server.mend(path)
  const ended = await Promise.all(storms)
  const ends: Record<string, number> = {}
  for (const storm of ended) {
    for (const [end, times] of Object.entries(storm.ends)) ends[end] = (ends[end] ?? 0) + times
  }
  return {
    requests,
    ends,
    renewals: server.requests(path).length - requests.length,
    shortestMs: Math.min(...ended.map(({ shortestMs }) => shortestMs)),
  }
}

describe.concurrent('160 callers in 8 processes leave an authorization server in peace', () => {
  it.each<[string, Failure]>([
    ['503', answering(503)],
    ['500', answering(500)],
    ['no answer', hangingUp],
    ['429 without Retry-After', answering(429)],
  ])(
    'that fails with %s: at most 10 requests in 10 s, and one once it is well',
    async (name, failure) => {
      const { requests, renewals, ends, shortestMs } = await stormAt(
        `/${name.replaceAll(' ', '-')}`,
        failure,
      )
      expect(requests.length).toBeGreaterThan(1)
      expect(requests.length).toBeLessThanOrEqual(10)
      expect(renewals).toBe(1)
      expect(ends.ok).toBe(PROCESSES * CALLERS_EACH)
      expect(ends.REFRESH_RESTING).toBeGreaterThan(0)
      // Nobody but those who sent hears of the failure itself.
      const failed = Object.values(ends).reduce((sum, times) => sum + times, 0)
      expect(failed - (ends.ok ?? 0) - (ends.REFRESH_RESTING ?? 0)).toBe(requests.length)
      expect(shortestMs).toBeGreaterThan(0)
      expect(shortestMs).toBeLessThanOrEqual(16_000)
    },
    TIMEOUT_MS,
  )

  it.each<[string, () => string]>([
    ['seconds', () => String(ASKED_FOR_MS / 1_000)],
    ['a date', () => new Date(Date.now() + ASKED_FOR_MS).toUTCString()],
  ])(
    'that asks for 8 s by Retry-After, in %s',
    async (name, retryAfter) => {
      const failure = answering(429, () => ({ 'retry-after': retryAfter() }))
      const { requests, renewals, ends } = await stormAt(`/${name.replaceAll(' ', '-')}`, failure)
      const [first, second] = requests
      expect(requests.length).toBeLessThanOrEqual(2)
      // A date has whole seconds.
      if (first && second) expect(second.atMs - first.atMs).toBeGreaterThan(ASKED_FOR_MS - 1_100)
      expect(renewals).toBe(1)
      expect(ends.ok).toBe(PROCESSES * CALLERS_EACH)
    },
    TIMEOUT_MS,
  )
})

describe.concurrent('a rest', () => {
  const call = (process: number, user: string, path: string) =>
    (processes[process] as TestProcess).call<string>('call', sessionOf(user, path))

  it(
    "of one token's 500 stops no other token of the same client",
    async () => {
      await Promise.all(['broken', 'sound'].map((user) => save(user)))
      server.fail('refresh of broken', answering(500))
      expect(await call(0, 'broken', '/shared')).toBe('500')
      expect(await call(1, 'broken', '/shared')).toBe('500')
      expect(await call(2, 'broken', '/shared')).toBe('REFRESH_RESTING')
      expect(await call(2, 'sound', '/shared')).toBe('ok')
      server.mend('refresh of broken')
    },
    TIMEOUT_MS,
  )

  it(
    'lets an access token serve that is still valid',
    async () => {
      await save('early', Math.floor(Date.now() / 1000) + 3_600)
      server.fail('/early', answering(503))
      for (const process of [0, 1, 2, 3]) expect(await call(process, 'early', '/early')).toBe('ok')
      expect(server.requests('/early').length).toBeLessThanOrEqual(2)
      expect(await db.getAccessToken('early', URL_OF_RECORD)).toMatchObject({
        accessToken: 'access of early',
        refreshToken: 'refresh of early',
      })
    },
    TIMEOUT_MS,
  )

  it(
    'ends for all processes with the first success',
    async () => {
      await Promise.all(['first', 'second', 'third'].map((user) => save(user)))
      server.fail('/ends', answering(503))
      for (const process of [0, 1]) expect(await call(process, 'first', '/ends')).toBe('503')
      expect(await call(2, 'second', '/ends')).toBe('REFRESH_RESTING')
      server.mend('/ends')
      await lasts(2_100)
      expect(await call(3, 'first', '/ends')).toBe('ok')
      expect(await Promise.all([call(4, 'second', '/ends'), call(5, 'third', '/ends')])).toEqual([
        'ok',
        'ok',
      ])
    },
    TIMEOUT_MS,
  )
})
