import { randomBytes } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import {
  exportRecords,
  findUnreadable,
  type ImportProgress,
  importRecords,
  revokeUser,
  sessions,
  users,
} from '../../../src/admin.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase } from '../../support/scene.js'
import { type RunningTopology, TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'
import {
  collect,
  EVERY_RECORD,
  HEADER,
  ndjson,
  recordsOf,
  SECRET,
  saveEveryRecord,
  textOf,
  URL,
} from '../../support/transfer/every-record.js'

type Settings = Omit<RedisOAuthDatabaseOptions, 'url' | 'keyPrefix'>

const OLD = { id: 'old', key: randomBytes(32) }
const NEW = { id: 'new', key: randomBytes(32) }
const plainNames: Settings = { encryption: { keys: [OLD] } }
const hashedNames: Settings = { ...plainNames, hashKeys: { key: randomBytes(32) } }
const otherHashes: Settings = { ...plainNames, hashKeys: { key: randomBytes(32) } }
const newKey: Settings = { encryption: { keys: [NEW, OLD] } }
const plain = { secrets: 'plain' } as const

let standalone: RunningTopology
let cluster: RunningTopology
/** As a user who has the documented rights and no others. */
let limited: RunningTopology
let tests = 0
let prefix: string

beforeAll(async () => {
  const start = (name: string) => TOPOLOGIES.find((one) => one.name === name)?.start()
  standalone = (await start('standalone')) as RunningTopology
  cluster = (await start('cluster')) as RunningTopology
  limited = (await start('tls+acl')) as RunningTopology
})

afterAll(() => Promise.all([standalone, cluster, limited].map((redis) => redis?.stop())))

beforeEach(() => {
  tests += 1
  prefix = `${TEST_PREFIX}${tests}:`
})

const open = (settings: Settings = {}, name = 'from', redis = standalone): RedisOAuthDatabase =>
  openDatabase({ ...redis.options, ...settings, keyPrefix: `${prefix}${name}:` })

describe('everything out and in again gives the same records', () => {
  const WAYS: [string, Settings, Settings, () => RunningTopology][] = [
    ['under another prefix', plainNames, plainNames, () => standalone],
    ['into a Cluster', plainNames, plainNames, () => cluster],
    ['with another key', plainNames, newKey, () => standalone],
    ['with hashKeys switched on', plainNames, hashedNames, () => cluster],
    ['with hashKeys switched off', hashedNames, plainNames, () => standalone],
    ['with another key for names', hashedNames, otherHashes, () => standalone],
    ['with hashed names, under another prefix', hashedNames, hashedNames, () => standalone],
    ['into a server with limited rights', plainNames, newKey, () => limited],
  ]

  it.each(WAYS)('sealed, %s', async (_way, from, to, into) => {
    const source = open(from)
    await saveEveryRecord(source)
    const target = open(to, 'to', into())
    const text = await textOf(exportRecords(source))
    expect(text).not.toContain(SECRET)
    const expected = { added: EVERY_RECORD, kept: 0, refused: 0 }
    expect(await importRecords(target, [text])).toEqual(expected)
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
    expect(await collect(findUnreadable(target))).toEqual([])
  })

  it.each([
    ['from plain to plain', {}, {}],
    ['from plain to sealed with hashed names', {}, hashedNames],
    ['from sealed with hashed names to plain', hashedNames, {}],
  ])('opened, %s', async (_way, from, to) => {
    const source = open(from)
    await saveEveryRecord(source)
    const target = open(to, 'to')
    const expected = { added: EVERY_RECORD, kept: 0, refused: 0 }
    expect(await importRecords(target, exportRecords(source, plain), plain)).toEqual(expected)
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
    expect(await collect(findUnreadable(target))).toEqual([])
  })

  it('by a file, in chunks that end anywhere', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'atxp-redis-transfer-'))
    onTestFinished(() => rm(directory, { recursive: true }))
    const file = join(directory, 'records.ndjson')
    const source = open()
    await saveEveryRecord(source)
    await pipeline(exportRecords(source, plain), createWriteStream(file))
    const target = open({}, 'to')
    const chunks = createReadStream(file, { highWaterMark: 7 })
    expect(await importRecords(target, chunks, plain)).toMatchObject({ added: EVERY_RECORD })
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
  })

  it('users are found and end with their records', async () => {
    const source = open(plainNames)
    await saveEveryRecord(source)
    const target = open(hashedNames, 'to')
    await importRecords(target, exportRecords(source))
    expect(await sessions(target, 'a}b')).toHaveLength(2)
    expect(await revokeUser(target, 'a}b')).toBe(3)
    expect(await target.getAccessToken('a}b', URL)).toBeNull()
  })

  it('records in the same place stay byte for byte', async () => {
    const source = open(plainNames)
    await saveEveryRecord(source)
    const text = await textOf(exportRecords(source))
    const [key = ''] = await standalone.keys(`${prefix}from:~client:*`)
    const raw = (db: RunningTopology) => db.cli<string>('DUMP', key)
    const before = await raw(standalone)
    await standalone.cli('DEL', key)
    expect(await importRecords(source, [text])).toMatchObject({ added: 1, refused: 0 })
    expect(await raw(standalone)).toBe(before)
  })
})

describe('an import', () => {
  it('adds, and never overwrites', async () => {
    const source = open()
    await source.storeToken('old', 'exported')
    await source.saveAccessToken('alice', URL, token('exported'))
    const text = await textOf(exportRecords(source, plain))
    const target = open({}, 'to')
    await target.storeToken('old', 'newer')
    await target.saveAccessToken('alice', URL, token('newer'))
    expect(await importRecords(target, [text], plain)).toEqual({ added: 0, kept: 2, refused: 0 })
    expect(await target.getToken('old')).toBe('newer')
    expect((await target.getAccessToken('alice', URL))?.accessToken).toBe('newer')
    const overwriting = { ...plain, overwrite: true }
    expect(await importRecords(target, [text], overwriting)).toMatchObject({ added: 2, kept: 0 })
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
  })

  it('does no harm when it runs again', async () => {
    const source = open(plainNames)
    await saveEveryRecord(source)
    const target = open(newKey, 'to')
    const text = await textOf(exportRecords(source))
    await importRecords(target, [text])
    const before = await recordsOf(target)
    const again = { added: 0, kept: EVERY_RECORD, refused: 0 }
    expect(await importRecords(target, [text])).toEqual(again)
    expect(await recordsOf(target)).toEqual(before)
  })

  it('leaves out what has expired since', async () => {
    const line = { kind: 'token', key: 'k', expiresAt: Date.now() - 1, text: 't' }
    const target = open({}, 'to')
    expect(await refusals(target, [line])).toEqual([{ line: 2, why: 'expired' }])
  })

  it('gives a record without expiry the life of a save where such records end', async () => {
    const target = open({}, 'to')
    const [text, end] = [JSON.stringify(token('a')), { end: 1 }]
    const line = { kind: 'access', userId: 'alice', url: URL, expiresAt: null, text }
    await importRecords(target, [ndjson(HEADER, line, end)], plain)
    const [session] = await sessions(target, 'alice')
    expect(session?.recordExpiresAt?.getTime()).toBeGreaterThan(Date.now() + 29 * 86_400_000)
  })

  it('goes on at the line where an earlier one ended', async () => {
    const source = open()
    const count = 3_000
    await source.storeTokens(Array.from({ length: count }, (_, i) => ({ key: `${i}`, token: 't' })))
    const text = await textOf(exportRecords(source, plain))
    const lines = text.split(/(?<=\n)/)
    const target = open({}, 'to')
    const stop = new AbortController()
    let last: ImportProgress | undefined
    const onProgress = (progress: ImportProgress) => {
      last = progress
      if (progress.line >= 1_500) stop.abort()
    }
    const { signal } = stop
    const aborted = importRecords(target, lines, { ...plain, signal, onProgress })
    await expect(aborted).rejects.toMatchObject({ code: 'ABORTED', operation: 'importRecords' })
    const { line: resume = 0, added = 0 } = last ?? {}
    expect(resume).toBe(added + 1)
    const rest = await importRecords(target, lines, { ...plain, resume })
    expect(rest).toEqual({ added: count - added, kept: 0, refused: 0 })
    expect(await target.listTokens()).toHaveLength(count)
  })

  it('says where to go on when Redis fails', async () => {
    const target = open({}, 'to')
    const source = open()
    await source.storeToken('k', 't')
    const text = await textOf(exportRecords(source, plain))
    await target.close()
    await expect(importRecords(target, [text], plain)).rejects.toMatchObject({ code: 'CLOSED' })
  })

  it('says that a file was cut, once it has what is there', async () => {
    const source = open(plainNames)
    await saveEveryRecord(source)
    const lines = (await textOf(exportRecords(source))).split(/(?<=\n)/)
    const target = open(plainNames, 'to')
    const cut = { code: 'SOURCE_FAILED', message: expect.stringContaining('incomplete') }
    await expect(importRecords(target, lines.slice(0, -1))).rejects.toMatchObject(cut)
    const withoutOne = [...lines.slice(0, 3), ...lines.slice(4)]
    await expect(importRecords(target, withoutOne)).rejects.toMatchObject(cut)
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
  })

  it('passes on what its source throws', async () => {
    const cause = new Error('no such file')
    async function* source(): AsyncGenerator<string> {
      yield ndjson(HEADER)
      throw cause
    }
    const failed = importRecords(open({}, 'to'), source(), plain)
    await expect(failed).rejects.toMatchObject({ code: 'SOURCE_FAILED', cause })
  })
})

describe('an export', () => {
  it('opens no secret unless that is said in words', async () => {
    for (const settings of [
      {},
      { encryption: { keys: [OLD], acceptPlaintext: true, writePlaintext: true } },
    ]) {
      expect(() => exportRecords(open(settings))).toThrow(/say \{ secrets: 'plain' \}/)
    }
  })

  it('seals what is plain since before encryption', async () => {
    await saveEveryRecord(open())
    const source = open({ encryption: { keys: [OLD], acceptPlaintext: true } })
    const text = await textOf(exportRecords(source))
    expect(text).not.toContain(SECRET)
    const target = open(plainNames, 'to')
    expect(await importRecords(target, [text])).toMatchObject({ added: EVERY_RECORD, refused: 0 })
    expect(await recordsOf(target)).toEqual(await recordsOf(source))
  })

  it('counts what it leaves out', async () => {
    const source = open(plainNames)
    await source.storeToken('good', SECRET)
    await standalone.cli('SET', `${prefix}from:plain`, SECRET)
    await standalone.cli('SET', `${prefix}from:~unknown:x`, SECRET)
    let last: unknown
    const text = await textOf(
      exportRecords(source, { onProgress: (progress) => (last = progress) }),
    )
    expect(last).toEqual({ seen: 3, exported: 1, unreadable: 1, foreign: 1 })
    expect(text).not.toContain(SECRET)
    expect(text).toContain('{"end":1}')
  })

  it('ends by its signal', async () => {
    const failed = textOf(exportRecords(open(), { ...plain, signal: AbortSignal.abort() }))
    await expect(failed).rejects.toMatchObject({ code: 'ABORTED', operation: 'exportRecords' })
  })
})

describe('misuse is a TypeError', () => {
  it.each([
    ['db', () => exportRecords({} as never), /^db must be a RedisOAuthDatabase/],
    ['secrets', () => exportRecords(open(), { secrets: 'opened' } as never), /^options.secrets/],
    ['a text', () => importRecords(open(), 'text' as never), /^source must be an iterable/],
    ['overwrite', () => importRecords(open(), [], { overwrite: 1 } as never), /^options.overwrite/],
    ['resume', () => importRecords(open(), [], { resume: -1 }), /^options.resume/],
    [
      'a name',
      () => importRecords(open(), [], { overwite: true } as never),
      /did you mean overwrite/,
    ],
    [
      'another name',
      () => exportRecords(open(), { secret: 'plain' } as never),
      /did you mean secrets/,
    ],
    ['a walk', () => users(open(), { sginal: 1 } as never), /did you mean signal/],
    ['onRefused', () => importRecords(open(), [], { onRefused: 1 } as never), /^options.onRefused/],
    ['lines', () => importRecords(open(), [7] as never), /^source must give strings/],
  ])('of %s', async (_name, act, message) => {
    const error = await Promise.resolve()
      .then<unknown>(act)
      .catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(TypeError)
    expect((error as Error).message).toMatch(message)
  })
})

function token(accessToken: string) {
  return { accessToken, refreshToken: `${accessToken}-refresh`, resourceUrl: URL }
}

async function refusals(db: RedisOAuthDatabase, lines: object[]): Promise<object[]> {
  const refused: object[] = []
  const text = ndjson(HEADER, ...lines, { end: lines.length })
  await importRecords(db, [text], { ...plain, onRefused: (one) => refused.push(one) })
  return refused
}
