import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { RedisOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { startProcesses, type TestProcess } from '../../support/processes/processes.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const USER = 'base:0xabc'
const URL = 'https://server.example/mcp'
const VALUES = { codeVerifier: 'verifier', codeChallenge: 'c', resourceUrl: URL, url: URL }
const entry = fileURLToPath(
  new globalThis.URL('../../support/records/oauth-race-process.mjs', import.meta.url),
)

let redis: RedisServer

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis?.stop())

beforeEach(async () => {
  await redis.cli('FLUSHALL')
})

describe('several processes over one Redis', () => {
  let processes: TestProcess[]

  beforeAll(async () => {
    processes = await startProcesses({ entry, count: 4 })
    await Promise.all(
      processes.map((each, i) =>
        each.call('open', {
          url: redis.url,
          expiredAccessTokens: i % 2 === 0 ? 'keep' : 'drop',
          commandTimeout: 10_000,
        }),
      ),
    )
  })

  afterAll(() => Promise.all((processes ?? []).map((each) => each.kill())))

  it('2000 saves that race reads of the expired records lose none', async () => {
    const count = 2_000
    const [reader, droppingReader, ...savers] = processes as [TestProcess, TestProcess, TestProcess]
    const expiresAt = Date.now() - 1_000
    await Promise.all(
      Array.from({ length: count }, (_, i) => {
        const expired = { accessToken: 'expired', resourceUrl: '', expiresAt }
        const record = i % 2 === 0 ? expired : { ...expired, refreshToken: `expired-${i}` }
        // By hand, without a time to live: so that Redis holds what the readers take for expired.
        return redis.cli('SET', `atxp:oauth:~access:{${USER}}:${i}`, JSON.stringify(record))
      }),
    )
    const readers = [reader, droppingReader]
    await Promise.all(readers.map((each) => each.call('startReading', USER, count)))
    const share = count / savers.length
    await Promise.all(savers.map((each, i) => each.call('renew', USER, i * share, (i + 1) * share)))
    for (const each of readers) {
      const { old, renewed } = await each.call<Record<'old' | 'renewed', number>>('stopReading')
      // Otherwise nothing was raced.
      expect(old).toBeGreaterThan(count / 10)
      expect(old + renewed).toBeGreaterThanOrEqual(count)
    }

    const db = new RedisOAuthDatabase({ url: redis.url })
    const tokens = await Promise.all(
      Array.from({ length: count }, (_, i) => db.getAccessToken(USER, String(i))),
    )
    expect(tokens.map((token) => token?.refreshToken)).toEqual(
      Array.from({ length: count }, (_, i) => `renewed-${i}`),
    )
    await db.close()
  })

  it('100 callbacks that each reach 4 processes find their PKCE values once', async () => {
    const db = new RedisOAuthDatabase({ url: redis.url })
    const states = Array.from({ length: 100 }, (_, i) => `state-${i}`)
    await Promise.all(
      states.map((state) => db.savePKCEValues(USER, state, { ...VALUES, codeVerifier: state })),
    )
    const found = await Promise.all(
      states.map((state) =>
        Promise.all(processes.map((each) => each.call('getPKCEValues', USER, state))),
      ),
    )
    for (const [i, values] of found.entries()) {
      expect(values.filter((one) => one !== null)).toEqual([{ ...VALUES, codeVerifier: states[i] }])
    }
    await db.close()
  })
})

describe('PKCE values whose reply is lost with the connection', () => {
  let proxy: FaultProxy
  let peer: RedisOAuthDatabase

  beforeAll(async () => {
    proxy = await startFaultProxy(redis)
    peer = new RedisOAuthDatabase({ url: redis.url })
  })

  afterAll(async () => {
    await peer.close()
    await proxy.stop()
  })

  /** A database behind the proxy that tries again as long as its command may take. */
  const open = (commandTimeout: number) =>
    new RedisOAuthDatabase({
      host: proxy.host,
      port: proxy.port,
      retryDelayOnFailover: 20,
      maxRetriesPerRequest: 1_000,
      commandTimeout,
    })

  it('still reach the one who read them, and nobody else', async () => {
    const db = open(10_000)
    await db.savePKCEValues(USER, 'state', VALUES)
    const lost = proxy.dropReplies('eval')
    proxy.refuse()
    const reading = db.getPKCEValues(USER, 'state')
    await eventually(() => lost.commands.length === 1)
    expect(await peer.getPKCEValues(USER, 'state')).toBeNull()
    await proxy.accept()
    expect(await reading).toEqual(VALUES)
    expect(await db.getPKCEValues(USER, 'state')).toBeNull()
    expect(await peer.getPKCEValues(USER, 'state')).toBeNull()
    await db.close()
  })

  it('still reach him when the reply is lost three times', async () => {
    const db = open(10_000)
    await db.savePKCEValues(USER, 'state', VALUES)
    const lost = proxy.dropReplies('eval', { times: 3 })
    expect(await db.getPKCEValues(USER, 'state')).toEqual(VALUES)
    expect(lost.commands).toHaveLength(3)
    await db.close()
  })

  it('are still there when the request is lost', async () => {
    const db = open(10_000)
    await db.savePKCEValues(USER, 'state', VALUES)
    const lost = proxy.dropRequests('eval')
    expect(await db.getPKCEValues(USER, 'state')).toEqual(VALUES)
    expect(lost.commands).toHaveLength(1)
    await db.close()
  })

  it('are an error and not null when the connection does not come back, and then nobody gets them', async () => {
    const db = open(500)
    await db.savePKCEValues(USER, 'state', VALUES)
    proxy.dropReplies('eval')
    proxy.refuse()
    await expect(db.getPKCEValues(USER, 'state')).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    expect(await peer.getPKCEValues(USER, 'state')).toBeNull()
    await proxy.accept()
    expect(await db.getPKCEValues(USER, 'state')).toBeNull()
    await db.close()
  })
})

describe('commands of one process', () => {
  it('a read sees the save before it, which is not awaited', async () => {
    const db = new RedisOAuthDatabase({ url: redis.url })
    const token = { accessToken: 'one', resourceUrl: URL }
    const saves = Array.from({ length: 200 }, async (_, i) => {
      const saving = db.saveAccessToken(USER, URL, { ...token, accessToken: `${i}` })
      const reading = db.getAccessToken(USER, URL)
      await saving
      return (await reading)?.accessToken
    })
    expect(await Promise.all(saves)).toEqual(saves.map((_, i) => `${i}`))
    await db.close()
  })
})
