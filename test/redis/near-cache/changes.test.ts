import { beforeEach, describe, expect, it } from 'vitest'
import { eventually } from '../../support/eventually.js'
import {
  comesTo,
  comesToMemory,
  ISSUER,
  URL,
  USER,
} from '../../support/near-cache/near-cache-facts.js'
import { client, NearCacheScene, token } from '../../support/near-cache/near-cache-scene.js'

const scene = new NearCacheScene()
const { readToken, readAccess, readClient, isRemembered } = scene

describe('a change by others is read soon:', () => {
  const key = 'atxp:oauth:a'
  const changes: [name: string, commands: [string, ...(string | number)[]][]][] = [
    ['SET', [['SET', key, 'two']]],
    ['SET of what was there', [['SET', key, 'one']]],
    ['DEL', [['DEL', key]]],
    ['UNLINK', [['UNLINK', key]]],
    ['GETDEL', [['GETDEL', key]]],
    ['APPEND', [['APPEND', key, ' more']]],
    [
      'RENAME to it',
      [
        ['SET', 'other', 'two'],
        ['RENAME', 'other', key],
      ],
    ],
    ['RENAME from it', [['RENAME', key, 'other']]],
    [
      'COPY to it',
      [
        ['SET', 'other', 'two'],
        ['COPY', 'other', key, 'REPLACE'],
      ],
    ],
    ['PEXPIRE', [['PEXPIRE', key, 20]]],
    ['PEXPIREAT in the past', [['PEXPIREAT', key, 1]]],
    ['MULTI', [['MULTI'], ['SET', key, 'two'], ['EXEC']]],
    ['a script', [['EVAL', "return redis.call('SET', KEYS[1], 'two')", 1, key]]],
    ['FLUSHDB', [['FLUSHDB']]],
    ['FLUSHALL', [['FLUSHALL']]],
  ]
  it.each(changes)('%s', async (name, commands) => {
    await scene.peer.storeToken('a', 'one')
    await isRemembered(readToken)
    for (const [command, ...args] of commands) await scene.server.cli(command, ...args)
    if (name === 'SET of what was there') return
    await eventually(async () => {
      const [found, standing] = [await readToken(), await scene.server.cli('GET', key)]
      expect(found).toBe(standing)
      expect(found).not.toBe('one')
    })
  })

  it('the expiry that it had', async () => {
    await scene.peer.storeToken('a', 'one', new Date(Date.now() + 500))
    await isRemembered(readToken)
    await comesTo(readToken, null, 'one')
  })

  it('of a registration and of an access token', async () => {
    await scene.peer.saveAccessToken(USER, URL, token)
    await scene.peer.saveClientCredentials(ISSUER, client)
    await isRemembered(readAccess)
    await isRemembered(readClient)
    const renewed = { ...token, accessToken: 'access two' }
    await scene.peer.saveAccessToken(USER, URL, renewed)
    await comesTo(readAccess, renewed, token)
    await scene.peer.saveClientCredentials(ISSUER, { ...client, clientId: 'two' })
    await comesTo(readClient, { ...client, clientId: 'two' }, client)
    await scene.peer.deleteUser(USER)
    await comesTo(readAccess, null, renewed)
  })
})

describe('an expiry is kept to the millisecond, though Redis says nothing of it until it comes by:', () => {
  beforeEach(async () => {
    await scene.server.cli('DEBUG', 'SET-ACTIVE-EXPIRE', 0)
  })

  it('of a token', async () => {
    const expiresAt = new Date(Date.now() + 700)
    await scene.peer.storeToken('a', 'one', expiresAt)
    await isRemembered(readToken)
    await endsAt(expiresAt, readToken)
  })

  it('of an access token', async () => {
    const expiresAt = Date.now() + 700
    await scene.peer.saveAccessToken(USER, URL, { accessToken: 'one', resourceUrl: URL, expiresAt })
    await isRemembered(readAccess)
    await endsAt(new Date(expiresAt), readAccess)
  })

  it("of an access token with a refresh token, where expiredAccessTokens is 'drop'", async () => {
    const dropping = scene.open({ cache: true, expiredAccessTokens: 'drop' })
    const read = () => dropping.getAccessToken(USER, URL)
    const expiresAt = Date.now() + 700
    await scene.peer.saveAccessToken(USER, URL, { ...token, expiresAt })
    await comesToMemory(read, scene.server)
    await endsAt(new Date(expiresAt), read)
  })

  /** Reads all the time, so that the last answer from memory comes as late as it can. */
  async function endsAt(end: Date, read: () => Promise<unknown>): Promise<void> {
    let isFound = true
    let reads = 0
    while (isFound) {
      const calledAt = Date.now()
      isFound = (await read()) !== null
      reads += 1
      // At that very millisecond Redis has it still.
      if (isFound) expect(calledAt).toBeLessThanOrEqual(end.getTime())
      else expect(Date.now()).toBeGreaterThanOrEqual(end.getTime())
      if (reads % 100 === 0) await new Promise(setImmediate)
    }
    expect(reads).toBeGreaterThan(100)
  }
})
