import { randomBytes } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import {
  comesToMemory,
  ISSUER,
  URL,
  USER,
  writesAt,
} from '../../support/near-cache/near-cache-facts.js'
import { client, NearCacheScene, token } from '../../support/near-cache/near-cache-scene.js'
import { expectExpireTime } from '../../support/servers/expire-time.js'

const scene = new NearCacheScene()
const { readToken, readAccess, readClient, isKept, isRemembered } = scene

describe('what this process writes is read at once, though nobody waits for the write:', () => {
  it('a token', async () => {
    await scene.peer.storeToken('a', 'one')
    await isRemembered(readToken)
    void scene.db.storeToken('a', 'two')
    expect(await readToken()).toBe('two')
    await isRemembered(readToken)
    void scene.db.deleteToken('a')
    expect(await readToken()).toBeNull()
    await isRemembered(readToken)
    void scene.db.storeTokens([{ key: 'a', token: 'three' }])
    await eventually(async () => expect(await readToken()).toBe('three'))
    await isRemembered(readToken)
    void scene.db.deleteTokens(['a'])
    expect(await readToken()).toBeNull()
  })

  it('an access token and a registration', async () => {
    await scene.peer.saveAccessToken(USER, URL, token)
    await isRemembered(readAccess)
    const renewed = { ...token, accessToken: 'access two' }
    void scene.db.saveAccessToken(USER, URL, renewed)
    expect(await readAccess()).toEqual(renewed)
    await isRemembered(readAccess)
    void scene.db.deleteAccessToken(USER, URL)
    expect(await readAccess()).toBeNull()
    void scene.db.saveClientCredentials(ISSUER, client)
    expect(await readClient()).toEqual(client)
    await isRemembered(readClient)
    await scene.db.deleteClientCredentials(ISSUER)
    await expect(scene.open().getClientCredentials(ISSUER)).resolves.toBeNull()
  })

  it('what a coordinated refresh has renewed, and what it removed when it was refused', async () => {
    await scene.peer.saveAccessToken(USER, URL, token)
    await isRemembered(readAccess)
    const answers = [
      Response.json({ access_token: 'two', refresh_token: 'refresh two', token_type: 'Bearer' }),
      Response.json({ error: 'invalid_grant' }, { status: 400 }),
    ]
    const fetch = scene.db.coordinatedFetch(async () => answers.shift() as Response)
    const refresh = (refreshToken: string) =>
      fetch(`${ISSUER}/token`, {
        method: 'POST',
        body: new URLSearchParams({
          grant_type: 'refresh_token',
          refresh_token: refreshToken,
          client_id: 'id',
        }),
      })
    await refresh('refresh one')
    expect((await readAccess())?.accessToken).toBe('two')
    await isRemembered(readAccess)
    await refresh('refresh two')
    expect(await readAccess()).toBeNull()
  })

  it('a write whose answer was an error: the memory forgets what it knew', async () => {
    await scene.peer.storeToken('a', 'one')
    await isRemembered(readToken)
    await scene.server.cli('CONFIG', 'SET', 'maxmemory', 1)
    await expect(scene.db.storeToken('a', 'two')).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' })
    expect(await isKept(readToken)).toBe(false)
    expect(await readToken()).toBe('one')
  })
})

describe('a save of what stands there already', () => {
  const fixed = { accessToken: 'one', resourceUrl: '', expiresAt: Date.now() + 3_600_000 }
  const save = () => scene.db.saveAccessToken(USER, '', fixed)
  const read = () => scene.db.getAccessToken(USER, '')
  const key = `atxp:oauth:~access:{${USER}}:`

  const writesNothing = async (saving: () => Promise<void>) => {
    const before = await writesAt(scene.server)
    await saving()
    return (await writesAt(scene.server)) === before
  }
  /** Saves and reads until a save writes nothing. */
  const comesToRest = (saving: () => Promise<void>, reading: () => Promise<unknown> = read) =>
    eventually(async () => {
      await reading()
      return writesNothing(saving)
    })

  beforeEach(() => isRemembered(() => scene.db.getAccessToken(USER, 'unrelated')))

  it('writes nothing, and what is there is right', async () => {
    await comesToRest(save)
    for (let i = 0; i < 20; i += 1) expect(await writesNothing(save)).toBe(true)
    expect(await scene.peer.getAccessToken(USER, '')).toEqual(fixed)
    await expectExpireTime(scene.server, key, fixed.expiresAt)
  })

  it('writes nothing where a peer has saved it, in seconds as well', async () => {
    const seconds = { ...fixed, expiresAt: Math.floor(fixed.expiresAt / 1000) }
    await scene.peer.saveAccessToken(USER, '', seconds)
    await isRemembered(read)
    expect(await writesNothing(() => scene.db.saveAccessToken(USER, '', seconds))).toBe(true)
  })

  it('writes nothing with sealed records', async () => {
    const encryption = { keys: [{ id: 'k', key: randomBytes(32) }] }
    const sealing = scene.open({ cache: true, encryption })
    await comesToMemory(() => sealing.getAccessToken(USER, 'unrelated'), scene.server)
    const saving = () => sealing.saveAccessToken(USER, '', fixed)
    await comesToRest(saving, () => sealing.getAccessToken(USER, ''))
    expect(await writesNothing(saving)).toBe(true)
  })

  it('comes to rest in a fleet whose processes read and save it in turns', async () => {
    const fleet = [scene.db, scene.open({ cache: true }), scene.open({ cache: true })]
    for (const one of fleet) {
      await comesToMemory(() => one.getAccessToken(USER, 'unrelated'), scene.server)
    }
    const round = async () => {
      for (const one of fleet) {
        await comesToMemory(() => one.getAccessToken(USER, ''), scene.server)
        await one.saveAccessToken(USER, '', fixed)
      }
    }
    await comesToRest(round)
    for (let i = 0; i < 10; i += 1) expect(await writesNothing(round)).toBe(true)
  })

  it.each([
    ['another value', { ...fixed, accessToken: 'two' }],
    ['another expiry', { ...fixed, expiresAt: fixed.expiresAt + 1 }],
    ['one more member', { ...fixed, scope: 'a' }],
  ])('writes when it has %s, and when it is the first again', async (_, other) => {
    await comesToRest(save)
    expect(await writesNothing(() => scene.db.saveAccessToken(USER, '', other))).toBe(false)
    expect(await scene.peer.getAccessToken(USER, '')).toEqual(other)
    expect(await writesNothing(save)).toBe(false)
    expect(await scene.peer.getAccessToken(USER, '')).toEqual(fixed)
  })

  it.each([
    ['a refresh token', { ...fixed, refreshToken: 'refresh' }],
    ['no expiry', { accessToken: 'one', resourceUrl: '' }],
  ])(
    'writes each time when it has %s, since each save begins its life anew',
    async (_, sliding) => {
      for (let i = 0; i < 3; i += 1) {
        await isRemembered(read)
        expect(await writesNothing(() => scene.db.saveAccessToken(USER, '', sliding))).toBe(false)
      }
    },
  )

  it.each<[string, [string, ...(string | number)[]]]>([
    ['another expiry', ['PEXPIRE', key, 60_000]],
    ['no expiry', ['PERSIST', key]],
    ['no record', ['DEL', key]],
    ['another record', ['SET', key, JSON.stringify({ ...fixed, accessToken: 'two' }), 'KEEPTTL']],
  ])('writes when somebody has left %s behind', async (_, [command, ...args]) => {
    await comesToRest(save)
    await scene.server.cli(command, ...args)
    await eventually(async () => {
      await save()
      await expectExpireTime(scene.server, key, fixed.expiresAt)
      expect(JSON.parse(await scene.server.cli<string>('GET', key))).toEqual(fixed)
    })
  })

  it('writes each time with durability, and says what replicas said', async () => {
    const durable = scene.open({ cache: true, durability: { replicas: 1, timeoutMs: 50 } })
    const saving = () => durable.saveAccessToken(USER, '', fixed)
    await expect(saving()).rejects.toMatchObject({ code: 'NOT_DURABLE' })
    await comesToMemory(() => durable.getAccessToken(USER, ''), scene.server)
    await expect(saving()).rejects.toMatchObject({ code: 'NOT_DURABLE' })
  })

  it('writes each time for storeToken', async () => {
    await isRemembered(readToken)
    const expiresAt = new Date(fixed.expiresAt)
    for (let i = 0; i < 3; i += 1) {
      await isRemembered(readToken)
      expect(await writesNothing(() => scene.db.storeToken('a', 'one', expiresAt))).toBe(false)
    }
  })
})
