import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { DEFAULTS } from '../../../src/leaves/defaults.js'
import { KeySpace } from '../../../src/record/keys.js'
import { Commands } from '../../../src/redis/commands.js'
import { connect } from '../../../src/redis/connect.js'
import { IndexCommands } from '../../../src/redis/index-commands.js'
import { ConditionalWrites } from '../../../src/store/vault/conditional-writes.js'
import { IndexedRecords } from '../../../src/store/vault/indexed-records.js'
import { PlainVault } from '../../../src/store/vault/plain-vault.js'
import { RecordWrites } from '../../../src/store/vault/record-writes.js'
import { startServer } from '../../support/scene.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const keys = new KeySpace('p:')
const KINDS = { registration: keys.of('client', 'url'), session: keys.of('access', 'user', 'url') }

let redis: RedisServer
let commands: Commands
let writes: ConditionalWrites
let indexed: IndexedRecords

beforeEach(async () => {
  redis = await startServer()
  const topology = { kind: 'server', host: redis.host, port: redis.port, db: 0 } as const
  const { connection } = connect(topology, { ...DEFAULTS.database })
  onTestFinished(() => connection.close())
  commands = new Commands(connection)
  indexed = new IndexedRecords(keys, new IndexCommands(connection, commands), 1_000)
  const recordWrites = new RecordWrites(commands, indexed)
  writes = new ConditionalWrites(recordWrites, new PlainVault(commands, recordWrites))
})

describe.each(Object.entries(KINDS))('a conditional write of a %s', (kind, KEY) => {
  const standing = () => redis.cli('GET', KEY.redisKey)
  const replace = (isMeant: (text: string) => boolean, expiry: object = { ttlMs: 60_000 }) =>
    writes.replaceIf(KEY, isMeant, 'new', expiry)

  it.each([
    ['of nothing', null, 'gone', null],
    ['of another record', 'other', 'superseded', 'other'],
    ['of the record that is meant', 'old é\u{1f512}', 'done', 'new'],
  ])('replaces %s accordingly', async (_what, before, outcome, after) => {
    if (before !== null) await redis.cli('SET', KEY.redisKey, before)
    expect(await replace((text) => text.startsWith('old'))).toBe(outcome)
    expect(await standing()).toBe(after)
  })

  it.each([
    ['of nothing', null, 'gone', null],
    ['of another record', 'other', 'superseded', 'other'],
    ['of the record that is meant', 'old é\u{1f512}', 'done', null],
  ])('deletes %s accordingly', async (_what, before, outcome, after) => {
    if (before !== null) await redis.cli('SET', KEY.redisKey, before)
    expect(await writes.deleteIf(KEY, (text) => text.startsWith('old'))).toBe(outcome)
    expect(await standing()).toBe(after)
  })

  it('sets the expiry with the text: a time, a span, or none where the kind has none', async () => {
    const expiresAt = Date.now() + 3_600_000
    const expiryAfter = async (expiry?: object) => {
      await redis.cli('SET', KEY.redisKey, 'old', 'PX', 1_000_000)
      expect(await replace(() => true, expiry)).toBe('done')
      return commands.expiry(KEY.redisKey)
    }
    expect(await expiryAfter({ expiresAt })).toBe(expiresAt)
    expect(await expiryAfter({ ttlMs: 7_200_000 })).toBeGreaterThan(expiresAt)
    if (kind === 'registration') expect(await expiryAfter({})).toBeNull()
    expect(await expiryAfter({ expiresAt: -1 })).toBeUndefined()
  })

  it('looks anew when somebody else was faster', async () => {
    await redis.cli('SET', KEY.redisKey, 'old 0')
    const seen: string[] = []
    const outcome = await replace((text) => {
      seen.push(text)
      // Sent before the write that follows from this look.
      if (seen.length < 3) void commands.set(KEY.redisKey, `old ${seen.length}`)
      return true
    })
    expect([outcome, seen]).toEqual(['done', ['old 0', 'old 1', 'old 2']])
    expect(await standing()).toBe('new')
  })

  it('gives up, and has changed nothing, when somebody else is faster each time', async () => {
    await redis.cli('SET', KEY.redisKey, 'old 0')
    let rounds = 0
    const isMeant = () => {
      rounds += 1
      void commands.set(KEY.redisKey, `old ${rounds}`)
      return true
    }
    await expect(replace(isMeant)).rejects.toMatchObject({ code: 'CONFLICT' })
    await expect(writes.deleteIf(KEY, isMeant)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(rounds).toBeLessThanOrEqual(100)
    expect(await standing()).toBe(`old ${rounds}`)
  })

  it('fails at once where bytes stand that are not UTF-8', async () => {
    await redis.cli('SET', KEY.redisKey, Buffer.from('old \xff', 'latin1'))
    let looks = 0
    const isMeant = () => {
      looks += 1
      return true
    }
    await expect(replace(isMeant)).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
    await expect(writes.deleteIf(KEY, isMeant)).rejects.toMatchObject({ code: 'UNREADABLE_RECORD' })
    expect(looks).toBe(0)
  })

  it('of what reads alike does not take one for the other', async () => {
    const text = 'old \ufffd'
    await redis.cli('SET', KEY.redisKey, text)
    expect(await replace((found) => found === text)).toBe('done')
    expect(await standing()).toBe('new')
  })
})
