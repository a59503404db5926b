import { beforeEach, describe, expect, it } from 'vitest'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import type { FaultProxy } from '../../support/network/fault-proxy.js'
import { expectIndexed, recordsOutsideOfIndex } from '../../support/records/index-check.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import type { RedisServer } from '../../support/servers/redis-server.js'

const USER = 'base:0xabc'
const URL = 'https://server.example/mcp'
const KEY = `atxp:oauth:~access:{${USER}}:${URL}`
const INDEX = `atxp:oauth:~index:{${USER}}`
const VALUES = { codeVerifier: 'verifier', codeChallenge: 'c', resourceUrl: URL, url: URL }
const DAY_MS = 86_400_000

const token = (accessToken: string, more: object = {}) => ({
  accessToken,
  refreshToken: 'refresh',
  resourceUrl: URL,
  ...more,
})

let redis: RedisServer
let db: RedisOAuthDatabase
let peer: RedisOAuthDatabase

beforeEach(async () => {
  redis = await startServer()
  db = openDatabase({ url: redis.url })
  peer = openDatabase({ url: redis.url })
})

const save = (name: string) => db.saveAccessToken(USER, URL, token(name))

/** How often Redis has run a command. */
async function callsOf(command: string): Promise<number> {
  const stats = String(await redis.cli('INFO', 'commandstats'))
  return Number(new RegExp(`cmdstat_${command}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
}

async function commandsOf(work: () => Promise<unknown>): Promise<Record<string, number>> {
  await redis.cli('CONFIG', 'RESETSTAT')
  await work()
  const stats = String(await redis.cli('INFO', 'commandstats'))
  const all = [...stats.matchAll(/cmdstat_([a-z|]+):calls=(\d+)/g)]
  const others = all.filter(([, name]) => !name?.startsWith('config'))
  return Object.fromEntries(others.map(([, name, calls]) => [name, Number(calls)]))
}

describe('the index of a user', () => {
  it('names every record, however it came to be', async () => {
    await save('first')
    await save('second')
    await db.saveAccessToken(USER, '', { accessToken: 'a', resourceUrl: '' })
    await db.saveAccessToken(USER, 'short', {
      accessToken: 'a',
      resourceUrl: '',
      expiresAt: Date.now() + 60_000,
    })
    await db.saveAccessToken(USER, 'long', token('a', { expiresAt: Date.now() + 400 * DAY_MS }))
    await db.savePKCEValues(USER, 'state', VALUES)
    await expectIndexed(redis, 5)
  })

  it('outlives a record that lives long, also if others are saved after it', async () => {
    const distant = Date.now() + 4_000 * DAY_MS
    await db.saveAccessToken(USER, 'never', {
      accessToken: 'a',
      resourceUrl: '',
      expiresAt: distant,
    })
    await db.saveAccessToken(USER, 'year 9999', {
      accessToken: 'a',
      resourceUrl: '',
      expiresAt: 253_402_300_799,
    })
    await save('a')
    await db.savePKCEValues(USER, 'state', VALUES)
    await expectIndexed(redis, 4)
  })

  it('shows nothing that the names of keys do not show', async () => {
    await save('secret-token')
    expect(await redis.cli('HKEYS', INDEX)).toEqual([`access:${URL}`])
    expect(JSON.stringify(await redis.cli('HVALS', INDEX))).not.toContain('secret')
  })

  it('goes with the last record that is deleted', async () => {
    await save('a')
    await peer.saveAccessToken(USER, 'other', token('b'))
    expect(await db.deleteAccessToken(USER, URL)).toBe(true)
    expect(await redis.cli('HKEYS', INDEX)).toEqual(['access:other'])
    expect(await db.deleteAccessToken(USER, 'other')).toBe(true)
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })

  it('loses the entries of logins whose time is over, also of those that nobody ended', async () => {
    const quick = openDatabase({ url: redis.url, pkceTtl: 1, commandTimeout: 1_000 })
    const states = Array.from({ length: 400 }, (_, i) => `state ${i}`)
    await Promise.all(states.map((state) => quick.savePKCEValues(USER, state, VALUES)))
    const entries = (await redis.cli('HGETALL', INDEX)) as string[]
    // As if their time had been over for a minute.
    for (const [at, field] of entries.entries()) {
      if (at % 2 === 0) await redis.cli('HSET', INDEX, field, Date.now() - 60_000)
    }
    await eventually(
      async () => {
        await save('a')
        await db.deleteAccessToken(USER, URL)
        return (await redis.cli('HLEN', INDEX)) === 0
      },
      { withinMs: 10_000 },
    )
  })

  it('is of no use to a record of another user or kind that stands there by foreign hand', async () => {
    await peer.saveAccessToken('other', URL, token('other'))
    await redis.cli('HSET', INDEX, 'access:', '1', 'access}:{other', '1', 'nonsense', '1', '', '1')
    expect(await db.listAccessTokens(USER)).toEqual([])
    expect(await db.deleteUser(USER)).toBe(0)
    expect(await db.getAccessToken('other', URL)).toEqual(token('other'))
  })
})

describe('a save of a record that this process has saved before', () => {
  it('is one plain command, also if others have renewed it meanwhile', async () => {
    await save('first')
    await peer.saveAccessToken(USER, URL, token('of peer'))
    expect(await commandsOf(() => save('second'))).toMatchObject({ set: 1 })
    expect(await commandsOf(() => save('third'))).not.toHaveProperty('eval')
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('third'))
  })

  it('has its entry made anew where it lives longer than entries are sure to', async () => {
    const lasting = openDatabase({ url: redis.url, refreshTokenTtl: 40 * DAY_MS })
    await lasting.saveAccessToken(USER, URL, token('first'))
    const commands = await commandsOf(() => lasting.saveAccessToken(USER, URL, token('second')))
    expect(commands).toMatchObject({ eval: 1 })
    await expectIndexed(redis, 1)
  })

  it.each([
    ['a peer has deleted it', () => peer.deleteAccessToken(USER, URL)],
    ['a peer has deleted the user', () => peer.deleteUser(USER)],
    ['somebody has deleted its key', () => redis.cli('DEL', KEY)],
    ['somebody has deleted its key and the index', () => redis.cli('DEL', KEY, INDEX)],
    ['Redis was emptied', () => redis.cli('FLUSHDB')],
    ['Redis was restarted without its data', () => redis.restart({ keepData: false })],
  ])('is entered again after %s', async (_what, remove) => {
    await save('first')
    await remove()
    await save('second')
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('second'))
    await expectIndexed(redis, 1)
    expect(await db.deleteUser(USER)).toBe(1)
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })

  it('is entered again after it expired', async () => {
    await db.saveAccessToken(USER, URL, {
      accessToken: 'a',
      resourceUrl: '',
      expiresAt: Date.now() + 40,
    })
    await eventually(async () => (await redis.cli('EXISTS', KEY)) === 0)
    await save('second')
    await expectIndexed(redis, 1)
  })
})

describe('a save that finds no record, and so needs a second round trip,', () => {
  let proxy: FaultProxy
  let behind: RedisOAuthDatabase

  beforeEach(async () => {
    proxy = await startProxy(redis)
    behind = openDatabase({ host: proxy.host, port: proxy.port, commandTimeout: 10_000 })
    await behind.saveAccessToken(USER, URL, token('known'))
    await peer.deleteUser(USER)
  })

  /** Calls it, and comes back when Redis has run the commands, whose answers are held back. */
  async function send(
    command: string,
    call: () => Promise<unknown>,
  ): Promise<{ ended: Promise<unknown> }> {
    const before = await callsOf(command)
    const ended = call()
    ended.catch(() => undefined)
    await eventually(async () => (await callsOf(command)) > before)
    return { ended }
  }
  const saveBehind = (name: string) => () => behind.saveAccessToken(USER, URL, token(name))

  it('does not overtake a later save, which found none either', async () => {
    proxy.stall('replies')
    const first = await send('set', saveBehind('first'))
    const second = await send('set', saveBehind('second'))
    proxy.resume()
    await Promise.all([first.ended, second.ended])
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('second'))
    await expectIndexed(redis, 1)
  })

  it('does not overtake a later save, which found what a peer had saved in between', async () => {
    proxy.stall('replies')
    const first = await send('set', saveBehind('first'))
    await peer.saveAccessToken(USER, URL, token('of peer'))
    const second = await send('set', saveBehind('second'))
    proxy.resume()
    await Promise.all([first.ended, second.ended])
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('second'))
    await expectIndexed(redis, 1)
  })

  it('does not overtake what a peer has saved since', async () => {
    proxy.stall('replies')
    const first = await send('set', saveBehind('first'))
    await peer.saveAccessToken(USER, URL, token('of peer'))
    proxy.resume()
    await first.ended
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('of peer'))
  })

  it('leaves the entry of what a peer has saved since, which lives longer', async () => {
    proxy.stall('replies')
    const first = await send('set', saveBehind('first'))
    await peer.saveAccessToken(
      USER,
      URL,
      token('of peer', { expiresAt: Date.now() + 400 * DAY_MS }),
    )
    proxy.resume()
    await first.ended
    await expectIndexed(redis, 1)
  })

  it('does not take a later save of PKCE values under the same name for its own', async () => {
    await Promise.all([saveBehind('first')(), behind.savePKCEValues(USER, URL, VALUES)])
    expect(await peer.getAccessToken(USER, URL)).toEqual(token('first'))
    await expectIndexed(redis, 2)
  })

  it('does not bring a user back after a later deletion, if one more deletion failed', async () => {
    proxy.stall('replies')
    const saving = await send('set', saveBehind('first'))
    const removal = await send('eval', () => behind.deleteAccessToken(USER, URL))
    await redis.cli('ACL', 'SETUSER', 'default', '-eval')
    const refused = behind.deleteAccessToken(USER, URL)
    refused.catch(() => undefined)
    await eventually(async () =>
      /cmdstat_eval:.*rejected_calls=1/.test(String(await redis.cli('INFO', 'commandstats'))),
    )
    await redis.cli('ACL', 'SETUSER', 'default', '+eval')
    proxy.resume()
    await expect(refused).rejects.toMatchObject({ code: 'PERMISSION_DENIED' })
    await Promise.all([saving.ended, removal.ended])
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })

  it.each([
    ['deletion of its record', 'eval', () => behind.deleteAccessToken(USER, URL)],
    ['deletion of its user', 'hgetall', () => behind.deleteUser(USER)],
  ])('does not bring a user back after a later %s', async (_what, command, remove) => {
    proxy.stall('replies')
    const saving = await send('set', saveBehind('first'))
    const removal = await send(command, remove)
    proxy.resume()
    await Promise.all([saving.ended, removal.ended])
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })

  it('is done where the deletion that was called after it has failed', async () => {
    proxy.stall('replies')
    const saving = await send('set', saveBehind('first'))
    const lost = proxy.dropRequests('eval')
    const removal = behind.deleteAccessToken(USER, URL)
    removal.catch(() => undefined)
    await eventually(() => lost.commands.length === 1)
    proxy.resume()
    const outcomes = await Promise.allSettled([saving.ended, removal])
    const found = await peer.getAccessToken(USER, URL)
    // Whatever the cut has made of the two: what is said to be saved is there, or has been removed.
    const [saved, removed] = outcomes.map(({ status }) => status === 'fulfilled')
    if (saved && !removed) expect(found).toEqual(token('first'))
    expect((await recordsOutsideOfIndex(redis)).outside).toEqual([])
  })

  it('has the next read look twice where it failed, and no later one', async () => {
    proxy.stall('replies')
    const saving = await send('set', saveBehind('first'))
    proxy.cut()
    await expect(saving.ended).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
    proxy.resume()
    const read = async () => expect(await behind.getAccessToken(USER, URL)).toBeNull()
    expect(await commandsOf(read)).toMatchObject({ get: 2 })
    expect(await commandsOf(read)).toMatchObject({ get: 1 })
  })

  it('is seen by a read that was called right after it', async () => {
    const saving = saveBehind('first')()
    const reading = behind.getAccessToken(USER, URL)
    expect(await reading).toEqual(token('first'))
    await saving
  })

  it('is seen by such a read with the near cache as well', async () => {
    const cached = openDatabase({ url: redis.url, cache: true })
    await cached.saveAccessToken(USER, URL, token('known'))
    await cached.getAccessToken(USER, URL)
    await peer.deleteUser(USER)
    const saving = cached.saveAccessToken(USER, URL, token('first'))
    expect(await cached.getAccessToken(USER, URL)).toEqual(token('first'))
    await saving
    expect(await cached.getAccessToken(USER, URL)).toEqual(token('first'))
  })
})

describe('deleteUser', () => {
  it('costs two round trips and looks at nothing of others', async () => {
    await save('a')
    await db.savePKCEValues(USER, 'state', VALUES)
    await Promise.all(
      Array.from({ length: 100 }, (_, i) => peer.saveAccessToken(`user ${i}`, URL, token('a'))),
    )
    const commands = await commandsOf(() => db.deleteUser(USER))
    expect(Object.keys(commands).sort()).toEqual(['del', 'eval', 'hdel', 'hgetall', 'hlen'])
    expect(commands).toMatchObject({ eval: 1, hgetall: 1 })
    await expectIndexed(redis, 100)
  })

  it('deletes as well what others have saved for the first time before it ended', async () => {
    const proxy = await startProxy(redis)
    const behind = openDatabase({ host: proxy.host, port: proxy.port, commandTimeout: 10_000 })
    await behind.saveAccessToken(USER, URL, token('known'))
    proxy.stall('replies')
    const before = await callsOf('hgetall')
    const deleting = behind.deleteUser(USER)
    await eventually(async () => (await callsOf('hgetall')) > before)
    // Its look at the index did not find this one.
    await peer.saveAccessToken(USER, `${URL}/new`, token('new'))
    proxy.resume()
    expect(await deleting).toBe(2)
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })

  it('costs one for a user of whom there is nothing', async () => {
    await db.ping()
    const commands = await commandsOf(async () => expect(await db.deleteUser('nobody')).toBe(0))
    expect(commands).toEqual({ hgetall: 1 })
  })

  it('removes some thousand records and says how many', async () => {
    const urls = Array.from({ length: 2_500 }, (_, i) => `${URL}/${i}`)
    await Promise.all(urls.map((url) => db.saveAccessToken(USER, url, token('a'))))
    expect(await peer.deleteUser(USER)).toBe(2_500)
    expect(await redis.cli('KEYS', '*')).toEqual([])
  })
})
