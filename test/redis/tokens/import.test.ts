import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  RedisOAuthDatabase,
  StoreTokensError,
  type StoreTokensProgress,
  type TokenEntry,
} from '../../../src/index.js'
import { type FaultProxy, startFaultProxy } from '../../support/network/fault-proxy.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

const COUNT = 20_000

let server: RedisServer
let proxy: FaultProxy
let db: RedisOAuthDatabase

beforeEach(async () => {
  server = await startRedis()
  proxy = await startFaultProxy(server)
  db = new RedisOAuthDatabase({ host: proxy.host, port: proxy.port, retryDelayOnFailover: 10 })
})

afterEach(async () => {
  await db.close()
  await proxy.stop()
  await server.stop()
})

const keyOf = (i: number) => `user_${String(i).padStart(6, '0')}`

function* entries(count = COUNT): Generator<TokenEntry> {
  for (let i = 0; i < count; i += 1) yield { key: keyOf(i), token: `token ${i}` }
}

async function failureOf(work: Promise<unknown>): Promise<StoreTokensError> {
  const error = await work.then(
    () => new Error('it succeeded'),
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreTokensError)
  return error as StoreTokensError
}

/** What an importer knows after a failure is what Redis has: all that was attempted but for the failures. */
async function expectAccounted(error: StoreTokensError): Promise<void> {
  const { attempted, stored, failures } = error
  const failed = new Set(failures.map(({ index }) => index))
  expect(stored).toBe(attempted - failed.size)
  const found = await server.cli<string[]>('KEYS', 'atxp:oauth:*')
  const inRedis = new Set(found.map((name) => name.slice('atxp:oauth:'.length)))
  for (let i = 0; i < COUNT; i += 1) {
    const isUnknown = failures.some(({ index, code }) => index === i && code === 'OUTCOME_UNKNOWN')
    if (!isUnknown && inRedis.has(keyOf(i)) !== (i < attempted && !failed.has(i))) {
      expect.fail(`entry ${i} is ${inRedis.has(keyOf(i)) ? '' : 'not '}in Redis`)
    }
  }
}

it('many tokens are imported with progress, from a source that is never held whole', async () => {
  const told: StoreTokensProgress[] = []
  const result = await db.storeTokens(entries(), { onProgress: (progress) => told.push(progress) })
  expect(result).toEqual({ stored: COUNT })
  expect(await server.cli('DBSIZE')).toBe(COUNT)
  expect(told).toHaveLength(COUNT / 1_000 + 1)
  expect(told.at(-1)).toEqual({ attempted: COUNT, stored: COUNT })
})

it('an import that is aborted says what is stored, and that is in Redis', async () => {
  const controller = new AbortController()
  const onProgress = ({ attempted }: StoreTokensProgress) => {
    if (attempted >= 5_000) controller.abort()
  }
  const { signal } = controller
  const error = await failureOf(db.storeTokens(entries(), { onProgress, signal }))
  expect(error).toMatchObject({ code: 'ABORTED', failures: [] })
  await expectAccounted(error)
  expect(await server.cli('DBSIZE')).toBe(error.stored)
})

it('an import that runs out of memory names the entries that failed, and the others are in Redis', async () => {
  const onProgress = ({ attempted }: StoreTokensProgress) => {
    if (attempted === 5_000) void server.cli('CONFIG', 'SET', 'maxmemory', '1')
  }
  const error = await failureOf(db.storeTokens(entries(), { onProgress }))
  expect(error.code).toBe('OUT_OF_MEMORY')
  expect(error.message).toContain(`entries[${error.failures[0]?.index}]: `)
  expect(error.failures[0]).toMatchObject({ key: keyOf(error.failures[0]?.index ?? -1) })
  await expectAccounted(error)
})

it('an import whose Redis goes away for good says of every entry what became of it', async () => {
  const onProgress = ({ attempted }: StoreTokensProgress) => {
    if (attempted !== 5_000) return
    proxy.refuse()
    proxy.cut()
  }
  const error = await failureOf(db.storeTokens(entries(), { onProgress }))
  expect(['CONNECTION_REFUSED', 'OUTCOME_UNKNOWN']).toContain(error.code)
  expect(error.failures.length).toBeLessThanOrEqual(400)
  await expectAccounted(error)
  await proxy.accept()
})

it('an import under which connections are cut is done when it is taken up again each time', async () => {
  const onProgress = ({ attempted }: StoreTokensProgress) => {
    if (attempted % 3_000 === 0) proxy.cut()
  }
  let rest = [...entries()]
  let cuts = 0
  while (rest.length > 0) {
    const all = rest
    rest = await db.storeTokens(all, { onProgress }).then(
      () => [],
      (error: StoreTokensError) => {
        cuts += 1
        expect(new Set(error.failures.map(({ code }) => code))).toEqual(
          new Set(['OUTCOME_UNKNOWN']),
        )
        const failed = error.failures.map(({ index }) => all[index] as TokenEntry)
        return [...failed, ...all.slice(error.attempted)]
      },
    )
  }
  expect(await server.cli('DBSIZE')).toBe(COUNT)
  expect(cuts).toBeGreaterThan(1)
})

it('a failed import can be taken up again from what its error says', async () => {
  const onProgress = ({ attempted }: StoreTokensProgress) => {
    if (attempted !== 5_000) return
    proxy.refuse()
    proxy.cut()
  }
  const { attempted, failures } = await failureOf(db.storeTokens(entries(), { onProgress }))
  await proxy.accept()
  const all = [...entries()]
  const rest = [...failures.map(({ index }) => all[index] as TokenEntry), ...all.slice(attempted)]
  expect(await db.storeTokens(rest)).toEqual({ stored: rest.length })
  expect(await server.cli('DBSIZE')).toBe(COUNT)
})

it('a failure ends the import while its source is silent', async () => {
  async function* silent(): AsyncGenerator<TokenEntry> {
    yield* entries(1)
    await new Promise(() => {})
  }
  proxy.refuse()
  const error = await failureOf(db.storeTokens(silent()))
  expect(error).toMatchObject({ code: 'CONNECTION_REFUSED', attempted: 1 })
  await proxy.accept()
})

it('an invalid entry is named, and those around it are stored', async () => {
  const list: TokenEntry[] = [
    { key: 'a', token: 'one' },
    { key: 'b', token: '' },
    { key: 'c', token: 'three' },
  ]
  const error = await failureOf(db.storeTokens(list))
  expect(error).toMatchObject({
    code: 'INVALID_ENTRY',
    message: 'storeTokens failed: entries[1]: token must not be empty',
    failures: [{ index: 1, key: 'b' }],
  })
  expect(await server.cli('GET', 'atxp:oauth:a')).toBe('one')
  expect(await server.cli('GET', 'atxp:oauth:b')).toBeNull()
})
