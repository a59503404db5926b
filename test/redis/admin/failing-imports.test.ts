import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  exportRecords,
  type ImportResult,
  importPublished,
  importRecords,
} from '../../../src/admin.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

// An import that fails while its writes are under way.

const URL = 'https://server.example/mcp'
const PLAIN = { secrets: 'plain' } as const

let server: RedisServer
let source: RedisOAuthDatabase

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server?.stop())

beforeEach(async () => {
  await server.cli('FLUSHALL')
  source = openDatabase({ url: server.url, keyPrefix: 'source:' })
  await source.storeToken('a', 'one')
  await source.storeToken('b', 'two')
  const published = new PublishedOAuthDb({ redis: server.url })
  await published.saveAccessToken('user', `${URL}/a`, { accessToken: 'one', resourceUrl: URL })
  await published.saveAccessToken('user', `${URL}/b`, { accessToken: 'two', resourceUrl: URL })
  await published.close()
})

/** A database that writes nothing before it is let. */
function held(): { db: RedisOAuthDatabase; begun: Promise<void>; release: () => void } {
  let release: () => void = () => {}
  let begin: () => void = () => {}
  const gate = new Promise<void>((resolve) => {
    release = resolve
  })
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const seal = async (plain: Uint8Array): Promise<Uint8Array> => {
    begin()
    await gate
    return plain
  }
  const encryption = { seal, open: async (sealed: Uint8Array) => sealed }
  const db = openDatabase({ url: server.url, keyPrefix: 'target:', encryption })
  return { db, begun, release: () => release() }
}

const failure = new Error('no more')

async function* cutOff(begun: Promise<void>): AsyncGenerator<string> {
  for await (const lines of exportRecords(source, PLAIN)) yield lines
  await begun
  throw failure
}

describe.each<[string, (db: RedisOAuthDatabase, begun: Promise<void>) => Promise<ImportResult>]>([
  ['importRecords', (db, begun) => importRecords(db, cutOff(begun), PLAIN)],
  [
    'importPublished',
    (db) =>
      importPublished(db, {
        onProgress: ({ seen }) => {
          if (seen > 0) throw failure
        },
      }),
  ],
])('%s that fails midway', (_name, begin) => {
  it('rejects once its writes have ended, so nothing is written afterwards', async () => {
    const { db, begun, release } = held()
    let isSettled = false
    const failing = begin(db, begun).catch((error: unknown) => error)
    void failing.then(() => {
      isSettled = true
    })
    await begun
    // Whatever could end it has come by then.
    await source.ping()
    await db.ping()
    await source.ping()
    expect(isSettled).toBe(false)
    release()
    expect(await failing).toSatisfy(
      (error: Error) => error === failure || (error as { cause?: unknown }).cause === failure,
    )
    const keys = (await server.cli('KEYS', 'target:*')) as string[]
    expect(keys.filter((key) => !key.includes('~index')).length).toBe(2)
  })
})

it('importRecords ends when a write fails, while its source is silent', async () => {
  const db = openDatabase({ url: server.url, keyPrefix: 'target:' })
  async function* silent(): AsyncGenerator<string> {
    yield `${JSON.stringify({ format: '@atxp/redis records', version: 1, secrets: 'plain' })}\n`
    yield 'no record\n'
    await new Promise(() => {})
  }
  const onRefused = (): void => {
    throw failure
  }
  const refused = importRecords(db, silent(), { ...PLAIN, onRefused })
  await expect(refused).rejects.toMatchObject({ code: 'SOURCE_FAILED', cause: failure })
})

it('importPublished opens sealed members of many records at a time', async () => {
  const db = openDatabase({ url: server.url, keyPrefix: 'target:' })
  let opening = 0
  let meet: () => void = () => {}
  const both = new Promise<void>((resolve) => {
    meet = resolve
  })
  const decrypt = async (text: string): Promise<string> => {
    opening += 1
    if (opening === 2) meet()
    await both
    return text
  }
  expect(await importPublished(db, { decrypt })).toEqual({ added: 2, kept: 0, refused: 0 })
})

it('an import that close gives up says that some of it may have happened', async () => {
  const db = openDatabase({ url: server.url, keyPrefix: 'target:' })
  let begin: () => void = () => {}
  const begun = new Promise<void>((resolve) => {
    begin = resolve
  })
  const decrypt = (): Promise<string> => {
    begin()
    return new Promise(() => {})
  }
  const failing = importPublished(db, { decrypt }).catch((error: unknown) => error)
  await begun
  await db.close({ timeoutMs: 20 })
  expect(await failing).toMatchObject({ code: 'OUTCOME_UNKNOWN', operation: 'importPublished' })
})
