import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { exportRecords, importRecords } from '../../../src/admin.js'
import type { RedisOAuthDatabase, RedisOAuthDatabaseOptions } from '../../../src/index.js'
import { openDatabase } from '../../support/scene.js'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'
import {
  HEADER,
  ndjson,
  ndjsonBytes,
  SECRET,
  textOf,
  URL,
} from '../../support/transfer/every-record.js'

const OLD = { id: 'old', key: randomBytes(32) }
const NEW = { id: 'new', key: randomBytes(32) }
const sealing = { encryption: { keys: [OLD] } }
const plain = { secrets: 'plain' } as const

let redis: RedisServer
let tests = 0
let prefix: string

beforeAll(async () => {
  redis = await startRedis()
})

afterAll(() => redis?.stop())

beforeEach(() => {
  tests += 1
  prefix = `${tests}:`
})

const open = (options: RedisOAuthDatabaseOptions = {}, name = 'from'): RedisOAuthDatabase =>
  openDatabase({ url: redis.url, ...options, keyPrefix: `${prefix}${name}:` })

const good = { kind: 'token', key: 'k', expiresAt: null, text: 'good' }

it.each([
  ['no JSON', `{"kind":"token","key":"k","text":"${SECRET}"`],
  ['a list', [good]],
  ['null', null],
  ['an unknown kind', { ...good, kind: 'lease' }],
  ['a kind of Object', { ...good, kind: 'constructor' }],
  ['no name', { ...good, key: undefined }],
  ['an empty name', { ...good, key: '' }],
  ['a name that is no text', { ...good, key: 7 }],
  ['a lone surrogate in its name', { ...good, key: '\ud800' }],
  ['a lone surrogate in its text', { ...good, text: '\ud800' }],
  ['no text', { ...good, text: '' }],
  ['an expiry that is no time', { ...good, expiresAt: 1e300 }],
  ['a fraction of a millisecond', { ...good, expiresAt: 1.5e12 + 0.5 }],
  ['an expiry that no Date can name', { ...good, expiresAt: 8.64e15 + 1 }],
  ['no expiry', { ...good, expiresAt: undefined }],
  ['a record of another kind', { ...good, kind: 'client', serverUrl: URL, text: '{"a":1}' }],
  ['a sealed record in a plain export', { key: 'k', expiresAt: null, sealed: 'AAAA' }],
  ['a second header', { format: '@atxp/redis records', version: 1, secrets: 'plain' }],
  ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d])],
])('%s is refused with its line', async (_what, line) => {
  const target = open({}, 'to')
  const refused: unknown[] = []
  const lines = [HEADER, good, line, { ...good, key: 'k2' }, { end: 3 }]
  const onRefused = (one: object) => refused.push(one)
  const result = await importRecords(target, [ndjsonBytes(lines)], { ...plain, onRefused })
  expect(result).toEqual({ added: 2, kept: 0, refused: 1 })
  expect(refused).toEqual([{ line: 3, why: 'notARecord' }])
  expect(await target.listTokens()).toHaveLength(2)
})

it('a line that is longer than any record is refused', async () => {
  const target = open({}, 'to')
  const mebibyte = 'x'.repeat(1_048_576)
  function* source(): Generator<string> {
    yield ndjson(HEADER, good)
    for (let i = 0; i < 70; i += 1) yield mebibyte
    yield `\n${ndjson({ end: 2 })}`
  }
  expect(await importRecords(target, source(), plain)).toEqual({ added: 1, kept: 0, refused: 1 })
})

it('what follows the end is refused', async () => {
  const target = open({}, 'to')
  const text = ndjson(HEADER, { end: 0 }, good)
  await expect(importRecords(target, [text], plain)).rejects.toMatchObject({
    code: 'SOURCE_FAILED',
  })
  expect(await target.listTokens()).toEqual([])
})

it.each([
  ['nothing', ''],
  ['no header', ndjson(good)],
  ['a newer version', ndjson({ ...HEADER, version: 2 })],
  ['lines without ends', ndjson(HEADER, good).replaceAll('\n', '')],
  ['a token', SECRET],
])('%s is no export', async (_what, text) => {
  const refused = await importRecords(open({}, 'to'), [text], plain).catch((error) => error)
  expect(refused).toMatchObject({ code: 'INVALID_ENTRY' })
  expect(String(refused)).not.toContain(SECRET)
})

async function sealed(): Promise<{ lines: string[]; source: RedisOAuthDatabase }> {
  const source = open(sealing)
  await source.storeToken('root', SECRET)
  await source.storeToken('user', 'harmless')
  return { lines: (await textOf(exportRecords(source))).split(/(?<=\n)/), source }
}

it('a sealed record under another name, or altered, is not opened', async () => {
  const { lines } = await sealed()
  const moved = lines.map((line) => line.replace(/:(user|root)"/, ':admin"'))
  const refused: unknown[] = []
  const onRefused = ({ why }: { why: string }) => refused.push(why)
  expect(await importRecords(open(sealing, 'to'), moved, { onRefused })).toMatchObject({
    added: 0,
    refused: 2,
  })
  expect(refused).toEqual(['unreadable', 'unreadable'])
})

it('a plain record is not planted in a sealed export, even where plain records are read', async () => {
  const { lines } = await sealed()
  const planted = JSON.stringify({
    key: `${prefix}from:admin`,
    expiresAt: null,
    sealed: Buffer.from('planted').toString('base64'),
  })
  const also = JSON.stringify(good)
  const [header = '', ...others] = lines
  const target = open({ encryption: { keys: [OLD], acceptPlaintext: true } }, 'to')
  const text = [header, `${planted}\n`, `${also}\n`, ...others.slice(0, -1), ndjson({ end: 4 })]
  expect(await importRecords(target, text)).toEqual({ added: 2, kept: 0, refused: 2 })
  expect(await target.getToken('admin')).toBeNull()
})

it('a plain export in the place of a sealed one is refused unless it is meant', async () => {
  const target = open(sealing, 'to')
  const refused = importRecords(target, [ndjson(HEADER, good, { end: 1 })])
  await expect(refused).rejects.toThrow(/secrets must be 'plain'/)
  expect(await target.listTokens()).toEqual([])
})

it('settings that are not sealed are refused', async () => {
  const { lines } = await sealed()
  const settings = JSON.stringify({ keyPrefix: prefix, hashKeys: false })
  const header = {
    ...JSON.parse(lines[0] ?? ''),
    settings: Buffer.from(settings).toString('base64'),
  }
  const target = open({ encryption: { keys: [OLD], acceptPlaintext: true } }, 'to')
  const failed = importRecords(target, [ndjson(header), ...lines.slice(1)])
  await expect(failed).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
})

it.each([
  ['another key', { encryption: { keys: [NEW] } }],
  ['no key', {}],
])('a database with %s says that it lacks the key', async (_what, settings) => {
  const { lines } = await sealed()
  const failed = importRecords(open(settings, 'to'), lines)
  await expect(failed).rejects.toMatchObject({
    code: 'UNREADABLE_RECORD',
    message: expect.stringContaining('Add the key of its source'),
  })
  expect(await redis.cli('KEYS', `${prefix}to:*`)).toEqual([])
})
