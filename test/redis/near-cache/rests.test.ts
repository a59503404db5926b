import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect, it, onTestFinished, vi } from 'vitest'
import { type CacheEvent, CHANNELS } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { comesTo, readsAt, URL } from '../../support/near-cache/near-cache-facts.js'
import { NearCacheScene } from '../../support/near-cache/near-cache-scene.js'
import { cacheOf, comesToRest, restEnder, shortenRests } from '../../support/near-cache/rests.js'
import { listenTo } from '../../support/operations/listening.js'
import { oneOf, randomFrom } from '../../support/random.js'

const scene = new NearCacheScene()
const { readToken, isKept, isRemembered } = scene

const USERS = Array.from({ length: 100 }, (_, i) => `user ${i}`)
// Without a refresh token: to keep one asks Redis twice.
const token = { accessToken: 'access', resourceUrl: URL, expiresAt: Date.now() + 3_600_000 }
const CALLERS = 16
const RESTS = 6

const tokenOf = (round: number) => ({ ...token, accessToken: `access ${round}` })
const readUser = (user = 'user 0') => scene.db.getAccessToken(user, URL)
const changeAll = (round: number) =>
  Promise.all(USERS.map((user) => scene.peer.saveAccessToken(user, URL, tokenOf(round))))
const readAll = () => Promise.all(USERS.map(readUser))

async function cacheWarnings(): Promise<unknown[]> {
  return (await scene.db.health()).warnings.filter(({ code }) => code === 'CACHE_OFF')
}

async function callsOf(command: string): Promise<number> {
  const stats = await scene.server.cli<string>('INFO', 'commandstats')
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(stats)?.[1] ?? 0)
}

it('a cache whose copies change before they are read rests: reads cost what they cost without it, and nobody is warned', async () => {
  const endRest = restEnder()
  await isRemembered(readUser)
  const heard = listenTo<CacheEvent>('cache')
  const { disarmedMs } = cacheOf(scene.db)
  await comesToRest(scene.db, changeAll, readAll)
  expect(heard.filter(({ event }) => event === 'rested')).toHaveLength(1)
  expect(heard.map(({ event }) => event)).not.toContain('disarmed')
  await eventually(async () => expect(await scene.connections()).toMatchObject({ pubsub: 0 }))
  heard.length = 0
  const before = [await readsAt(scene.server), await callsOf('pexpiretime'), await callsOf('eval')]
  for (let round = 0; round < 10; round += 1) {
    await scene.peer.storeToken('a', `value ${round}`)
    expect(await readToken()).toBe(`value ${round}`)
    expect(await readUser()).toMatchObject({ accessToken: expect.any(String) })
  }
  expect(await readsAt(scene.server)).toBe((before[0] ?? 0) + 20)
  expect([await callsOf('pexpiretime'), await callsOf('eval')]).toEqual(before.slice(1))
  expect(heard).toEqual([])
  expect(await cacheWarnings()).toEqual([])

  endRest()
  await isRemembered(readUser)
  // Of what was read first while it rested as well.
  await isRemembered(readToken)
  expect(heard.map(({ event }) => event)).not.toContain('disarmed')
  expect(cacheOf(scene.db).disarmedMs).toBe(disarmedMs)
  await scene.peer.storeToken('a', 'last')
  await comesTo(readToken, 'last', 'value 9')
})

it('a cache that cannot hear of changes any more, when it has rested, says so', async () => {
  const endRest = restEnder()
  await isRemembered(readUser)
  const heard = listenTo<CacheEvent>('cache')
  await comesToRest(scene.db, changeAll, readAll)
  const { disarmedMs } = cacheOf(scene.db)
  await scene.server.cli('ACL', 'SETUSER', 'default', '-client')
  expect(await cacheWarnings()).toEqual([])
  endRest()
  await eventually(async () => expect(await cacheWarnings()).toHaveLength(1))
  expect(heard.filter(({ event }) => event === 'disarmed')).toHaveLength(1)
  expect(cacheOf(scene.db).disarmedMs).toBeGreaterThan(disarmedMs)
  expect(await isKept(readUser)).toBe(false)
  await scene.server.cli('ACL', 'SETUSER', 'default', '+@all')
  await isRemembered(readUser)
  expect(await cacheWarnings()).toEqual([])
})

it('a database that is closed while its cache rests stays so, and no timer is left', async () => {
  const begun = vi.spyOn(globalThis, 'setTimeout')
  const ended = vi.spyOn(globalThis, 'clearTimeout')
  onTestFinished(() => {
    vi.restoreAllMocks()
  })
  await isRemembered(readUser)
  await comesToRest(scene.db, changeAll, readAll)
  const rest = begun.mock.calls.findIndex(([, ms = 0]) => ms >= 45_000)
  await scene.db.close()
  expect(ended.mock.calls.flat()).toContain(begun.mock.results[rest]?.value)
})

it('while it rests, returns and rests again, nothing is read that was replaced before, nor what is older than what was read', async () => {
  shortenRests(5)
  const random = randomFrom(1)
  const users = USERS.slice(0, CALLERS)
  /** By user, what Redis has acknowledged. */
  const acknowledged = new Map<string, number>()
  /** What a read that begins now must at least give, where it may come from memory. */
  const floor = new Map<string, number>()
  let isArmed = true
  let rests = 0
  const raise = (user: string, version = 0) =>
    floor.set(user, Math.max(floor.get(user) ?? 0, version))
  const note = (event: unknown): void => {
    const { event: name } = event as CacheEvent
    if (name === 'rested') rests += 1
    if (name === 'rested') isArmed = false
    if (name !== 'armed') return
    isArmed = true
    for (const user of users) raise(user, acknowledged.get(user))
  }
  const read = async (user: string): Promise<void> => {
    const least = Math.max(floor.get(user) ?? 0, isArmed ? 0 : (acknowledged.get(user) ?? 0))
    const version = Number((await readUser(user))?.accessToken.slice('access '.length) ?? 0)
    expect(version).toBeGreaterThanOrEqual(least)
    raise(user, version)
  }
  const caller = async (user: string): Promise<void> => {
    for (let version = 1; rests < RESTS; version += 1) {
      await scene.peer.saveAccessToken(user, URL, tokenOf(version))
      acknowledged.set(user, version)
      await read(oneOf(random, users))
    }
  }
  await isRemembered(readUser)
  subscribe(CHANNELS.cache, note)
  onTestFinished(() => void unsubscribe(CHANNELS.cache, note))
  await Promise.all(users.map(caller))
  for (const user of users) {
    const last = tokenOf(acknowledged.get(user) ?? 0)
    await eventually(async () => expect(await readUser(user)).toEqual(last))
  }
})
