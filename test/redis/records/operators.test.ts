import { randomBytes } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  type AccessTokenInfo,
  RedisOAuthDatabase,
  type RedisOAuthDatabaseOptions,
} from '../../../src/index.js'
import { type RunningTopology, TEST_PREFIX, TOPOLOGIES } from '../../support/servers/topologies.js'

const URL = 'https://server.example/mcp'
const ISSUER = 'https://auth.example'
const SECRET = 's3cr3t'
const TOKEN = { accessToken: SECRET, refreshToken: `${SECRET}-refresh`, resourceUrl: URL }
const VALUES = { codeVerifier: SECRET, codeChallenge: 'c', resourceUrl: URL, url: URL }
const CLIENT = { clientId: 'id', clientSecret: SECRET, redirectUri: 'https://a.example/callback' }

/** Users whose names are each other's patterns, hash tags, escapes and look-alikes. */
const USERS = [
  'alice',
  'alic*',
  'alic?',
  'ali[c]e',
  'alice:',
  'alice}',
  'alice%7D',
  '{alice}',
  '}:{alice',
  'ALICE',
  'alice\\',
  '*',
  '',
  '%',
  '{}',
  'é',
  'e\u0301',
]

const HASHED: RedisOAuthDatabaseOptions = {
  encryption: { keys: [{ id: 'k1', key: randomBytes(32) }] },
  hashKeys: { key: randomBytes(32) },
}

const VARIANTS = [
  ['standalone', 'with plain names', {}],
  ['standalone', 'with hashed names and sealed records', HASHED],
  ['cluster', 'with plain names', {}],
  ['cluster', 'with hashed names and sealed records', HASHED],
] as const

for (const [topologyName, variant, options] of VARIANTS) {
  describe(`on ${topologyName} ${variant}`, () => {
    const topology = TOPOLOGIES.find(({ name }) => name === topologyName)
    let redis: RunningTopology
    let db: RedisOAuthDatabase
    let prefix: string
    let tests = 0

    beforeAll(async () => {
      redis = (await topology?.start()) as RunningTopology
    })

    afterAll(async () => {
      await redis?.stop()
    })

    beforeEach(() => {
      tests += 1
      // Glob characters, which match other prefixes of this list when they are not escaped.
      prefix = `${TEST_PREFIX}[${tests}]*:`
      db = open(prefix)
    })

    afterEach(() => db.close())

    const open = (keyPrefix: string) =>
      new RedisOAuthDatabase({ ...redis.options, ...options, keyPrefix })

    /** Not the index of a user, which stays while it names a record, and a login whose time is not over. */
    const allKeys = async () => (await indexAndKeys()).filter((key) => !key.includes('~index:'))
    const indexAndKeys = () => redis.keys(`${TEST_PREFIX}\\[${tests}\\]\\*:*`)

    /** Saves an access token of a user who has no other record, and damages it. */
    async function saveDamaged(user: string): Promise<void> {
      await db.saveAccessToken(user, URL, TOKEN)
      const [key = '', ...others] = await allKeys()
      expect(others).toEqual([])
      await redis.cli('SET', key, 'damaged')
    }

    const byUrl = (list: AccessTokenInfo[]) => list.sort((a, b) => (a.url < b.url ? -1 : 1))

    async function saveAll(user: string): Promise<void> {
      await db.saveAccessToken(user, URL, TOKEN)
      await db.saveAccessToken(user, '', TOKEN)
      await db.savePKCEValues(user, 'state', VALUES)
    }

    async function isWhole(user: string): Promise<boolean> {
      const found = [await db.getAccessToken(user, URL), await db.getAccessToken(user, '')]
      return found.every((token) => token?.accessToken === SECRET)
    }

    describe('deleteAccessToken', () => {
      it('removes one record and says so, and then that there is none', async () => {
        await saveAll('alice')
        expect(await db.deleteAccessToken('alice', URL)).toBe(true)
        expect(await db.getAccessToken('alice', URL)).toBeNull()
        expect(await db.deleteAccessToken('alice', URL)).toBe(false)
        expect(await db.getAccessToken('alice', '')).toEqual(TOKEN)
        expect(await db.getPKCEValues('alice', 'state')).toEqual(VALUES)
      })

      it('leaves other users and URLs alone', async () => {
        for (const user of USERS) await saveAll(user)
        await db.saveAccessToken('alice', `${URL}/`, TOKEN)
        expect(await db.deleteAccessToken('alice', URL)).toBe(true)
        expect(await db.getAccessToken('alice', `${URL}/`)).toEqual(TOKEN)
        for (const user of USERS.slice(1)) expect([user, await isWhole(user)]).toEqual([user, true])
      })
    })

    describe('deleteClientCredentials', () => {
      it('removes one registration and says so, and then that there is none', async () => {
        await db.saveClientCredentials(ISSUER, CLIENT)
        await db.saveClientCredentials(`${ISSUER}/`, CLIENT)
        expect(await db.deleteClientCredentials(ISSUER)).toBe(true)
        expect(await db.getClientCredentials(ISSUER)).toBeNull()
        expect(await db.deleteClientCredentials(ISSUER)).toBe(false)
        expect(await db.getClientCredentials(`${ISSUER}/`)).toEqual(CLIENT)
      })
    })

    describe('listAccessTokens', () => {
      it('has the URLs and expiries of a user, and no secret', async () => {
        const ms = Date.now() + 3_600_000
        const seconds = Math.floor(ms / 1_000)
        await db.saveAccessToken('alice', '', { accessToken: SECRET, resourceUrl: '' })
        await db.saveAccessToken('alice', `${URL}/a`, { ...TOKEN, expiresAt: ms })
        await db.saveAccessToken('alice', `${URL}/b*[é]:{x}`, { ...TOKEN, expiresAt: seconds })
        await db.savePKCEValues('alice', 'state', VALUES)
        const list = await db.listAccessTokens('alice')
        expect(byUrl(list)).toEqual([
          { url: '', resourceUrl: '', expiresAt: null, hasRefreshToken: false },
          {
            url: `${URL}/a`,
            resourceUrl: URL,
            expiresAt: new Date(ms),
            hasRefreshToken: true,
          },
          {
            url: `${URL}/b*[é]:{x}`,
            resourceUrl: URL,
            expiresAt: new Date(seconds * 1_000),
            hasRefreshToken: true,
          },
        ])
        expect(JSON.stringify(list)).not.toContain(SECRET)
      })

      it('has an access token that has expired while its refresh token lives, and no other', async () => {
        const expiresAt = Date.now() - 1_000
        await db.saveAccessToken('alice', 'with', { ...TOKEN, expiresAt })
        await db.saveAccessToken('alice', 'without', {
          accessToken: SECRET,
          resourceUrl: URL,
          expiresAt,
        })
        const [info, ...others] = await db.listAccessTokens('alice')
        expect(info).toMatchObject({ url: 'with', expiresAt: new Date(expiresAt) })
        expect(others).toEqual([])
      })

      it('has nothing of other users, whatever their names', async () => {
        for (const user of USERS) await db.saveAccessToken(user, `of ${user}`, TOKEN)
        for (const user of USERS) {
          const urls = (await db.listAccessTokens(user)).map(({ url }) => url)
          expect(urls).toEqual([`of ${user}`])
        }
        expect(await db.listAccessTokens('bob')).toEqual([])
      })

      it('leaves out a record that cannot be read, and has the others', async () => {
        await saveDamaged('alice')
        await db.saveAccessToken('alice', `${URL}/a`, TOKEN)
        const list = await db.listAccessTokens('alice')
        expect(list.map(({ url }) => url)).toEqual([`${URL}/a`])
      })

      it('has each of 2500 URLs once', async () => {
        const urls = Array.from({ length: 2_500 }, (_, i) => `${URL}/${String(i).padStart(4, '0')}`)
        await Promise.all(urls.map((url) => db.saveAccessToken('alice', url, TOKEN)))
        const list = await db.listAccessTokens('alice')
        expect(byUrl(list).map(({ url }) => url)).toEqual(urls)
      })
    })

    describe('deleteUser', () => {
      it('removes access tokens and logins of a user and says how many', async () => {
        await saveAll('alice')
        expect(await db.deleteUser('alice')).toBe(3)
        expect(await db.getAccessToken('alice', URL)).toBeNull()
        expect(await db.getAccessToken('alice', '')).toBeNull()
        expect(await db.getPKCEValues('alice', 'state')).toBeNull()
        expect(await indexAndKeys()).toEqual([])
        expect(await db.deleteUser('alice')).toBe(0)
      })

      it('removes the PKCE values that a reader has just consumed', async () => {
        await db.savePKCEValues('alice', 'state', VALUES)
        await db.getPKCEValues('alice', 'state')
        expect(await db.deleteUser('alice')).toBe(0)
        expect(await indexAndKeys()).toEqual([])
      })

      it.each(USERS)('removes the records of %j and of nobody else', async (user) => {
        for (const one of USERS) await saveAll(one)
        expect(await db.deleteUser(user)).toBe(3)
        for (const one of USERS) expect([one, await isWhole(one)]).toEqual([one, one !== user])
      })

      it('leaves what has such a user in its key or URL, and what is of another kind', async () => {
        const text = 'x:{alice}:y'
        await db.saveAccessToken('bob', text, TOKEN)
        await db.saveAccessToken('bob:{alice}:', text, TOKEN)
        await db.savePKCEValues('bob', text, VALUES)
        await db.saveClientCredentials(text, CLIENT)
        await db.forResourceServer().saveClientCredentials(text, CLIENT)
        await db.storeToken('alice', SECRET)
        await db.storeToken(`~${text}`, SECRET)
        await db.storeToken('~access:{alice}:', SECRET)
        expect(await db.deleteUser('alice')).toBe(0)
        expect(await db.getAccessToken('bob', text)).toEqual(TOKEN)
        expect(await db.getAccessToken('bob:{alice}:', text)).toEqual(TOKEN)
        expect(await db.getPKCEValues('bob', text)).toEqual(VALUES)
        expect(await db.getClientCredentials(text)).toEqual(CLIENT)
        expect(await db.forResourceServer().getClientCredentials(text)).toEqual(CLIENT)
        expect((await db.listTokens()).sort()).toEqual(['alice', '~access:{alice}:', `~${text}`])
      })

      it('leaves the same user under another prefix', async () => {
        const other = open(`${TEST_PREFIX}${tests}x:`)
        await other.saveAccessToken('alice', URL, TOKEN)
        await saveAll('alice')
        expect(await db.deleteUser('alice')).toBe(3)
        expect(await other.getAccessToken('alice', URL)).toEqual(TOKEN)
        await other.close()
      })

      it('removes a record that cannot be read', async () => {
        await saveDamaged('alice')
        expect(await db.deleteUser('alice')).toBe(1)
        expect(await db.getAccessToken('alice', URL)).toBeNull()
      })
    })
  })
}
