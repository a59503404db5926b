import { describe, expect, it } from 'vitest'
import { doctor } from '../../../src/admin.js'
import { RedisOAuthDatabaseError } from '../../../src/index.js'
import { LOST_WITHOUT } from '../../../src/redis/protocol/rights.js'
import { eventually } from '../../support/eventually.js'
import { CALLS, fill, keysOf } from '../../support/operations/every-method.js'
import { openDatabase, startServer } from '../../support/scene.js'
import { redisMajor } from '../../support/servers/redis-server.js'

// Servers that lack a command, as managed services and hardened ones do: here by rename-command.

const KEYS = keysOf(3)

/** Which methods need a command, and fail without it. All others do as ever, or without coordination. */
const NEEDED_BY: { readonly [command: string]: readonly string[] } = {
  SET: [
    'storeToken',
    'storeTokens',
    'saveClientCredentials',
    'savePKCEValues',
    'saveAccessToken',
    'singleFlight',
    'ready',
  ],
  DEL: [
    'deleteToken',
    'deleteTokens',
    'deleteClientCredentials',
    'deleteAccessToken',
    'deletePKCEValues',
    'deleteUser',
    'getPKCEValues',
    'ready',
  ],
  EXISTS: ['hasToken', 'ready'],
  SCAN: ['listTokens', 'scanTokens'],
  EVAL: [
    'saveAccessToken',
    'deleteAccessToken',
    'savePKCEValues',
    'getPKCEValues',
    'deletePKCEValues',
    'singleFlight',
    'ready',
    ...(redisMajor() >= 7 ? [] : ['getTokenExpiry']),
  ],
  TIME: ['health', 'ready', 'saveAccessToken', 'savePKCEValues'],
  HSET: ['ready', 'saveAccessToken', 'savePKCEValues'],
  HRANDFIELD: ['ready'],
  INFO: ['health'],
}

/** The scripts of a save look at other entries of the index with one save in eight. */
const MANY_SAVES = 100

describe.each(Object.entries(NEEDED_BY))('a server without %s', (command, methods) => {
  it('fails with UNSUPPORTED_BY_SERVER at the calls that need it, and names it', async () => {
    const server = await startServer({ config: { 'rename-command': `${command} HIDDEN` } })
    const db = openDatabase({ host: server.host, port: server.port })
    const expectLack = (error: unknown): void => {
      expect(error).toBeInstanceOf(RedisOAuthDatabaseError)
      expect(error).toMatchObject({ code: 'UNSUPPORTED_BY_SERVER' })
      const { message } = error as Error
      expect(message).toMatch(
        new RegExp(` lacks or blocks (${command}|EVAL or a command in its script)`),
      )
    }
    await server.cli(command === 'SET' ? 'HIDDEN' : 'SET', 'atxp:oauth:a0', 'first')
    await fill(db, KEYS).catch(expectLack)
    const lacking: string[] = []
    for (const [method, call] of Object.entries(CALLS)) {
      await call(db, KEYS).catch((error: unknown) => {
        expectLack(error)
        lacking.push(method)
      })
    }
    expect(lacking.sort()).toEqual([...methods].sort())
  })

  it('is found by doctor(), with what is lost', async () => {
    const server = await startServer({ config: { 'rename-command': `${command} HIDDEN` } })
    const db = openDatabase({ host: server.host, port: server.port })
    const findings = (await doctor(db)).filter(({ code }) => code === 'UNSUPPORTED_BY_SERVER')
    const name = command.toLowerCase() as keyof typeof LOST_WITHOUT
    const lost = `lacks '${name}', or blocks it, and so ${LOST_WITHOUT[name]}`
    expect(findings.map(({ fact }) => fact)).toContainEqual(expect.stringContaining(lost))
  })
})

it('a server without HRANDFIELD takes every access token', async () => {
  const server = await startServer({ config: { 'rename-command': 'HRANDFIELD HIDDEN' } })
  const db = openDatabase({ host: server.host, port: server.port })
  const urls = Array.from({ length: MANY_SAVES }, (_, i) => `https://mcp-${i}.example/`)
  const save = (resourceUrl: string): Promise<void> =>
    db.saveAccessToken('user', resourceUrl, { accessToken: 'a', resourceUrl })
  await Promise.all(urls.map(save))
  expect(await db.listAccessTokens('user')).toHaveLength(MANY_SAVES)
})

it('a server without CLIENT TRACKING has no near cache, and health() says why', async () => {
  const server = await startServer({ config: { 'rename-command': 'CLIENT HIDDEN' } })
  const db = openDatabase({ host: server.host, port: server.port, cache: true })
  await db.storeToken('a', 'one')
  expect(await db.getToken('a')).toBe('one')
  await eventually(async () => {
    const { warnings } = await db.health()
    const message = expect.stringMatching(/^The cache keeps nothing.*UNSUPPORTED_BY_SERVER/)
    expect(warnings).toContainEqual({ code: 'CACHE_OFF', server: expect.any(String), message })
  })
  expect(await db.getToken('a')).toBe('one')
})
