import { describe, expect, it } from 'vitest'
import type { ConnectionEvent, CredentialsProvider } from '../../../src/index.js'
import { eventually } from '../../support/eventually.js'
import { listenTo } from '../../support/operations/listening.js'
import { openDatabase, startProxy, startServer } from '../../support/scene.js'
import { freePort } from '../../support/servers/free-port.js'

describe('what credentials give', () => {
  it.each<[string, unknown]>([
    ['a misspelt name', { user: 'alice', password: 'hunter2' }],
    ['a user that is no text', { username: 5, password: 'hunter2' }],
    ['a password that is no text', { password: ['hunter2'] }],
    ['text', 'hunter2'],
    ['nothing', undefined],
  ])(
    'fails calls with CREDENTIALS_UNAVAILABLE, and is not shown, where it is %s',
    async (_, given) => {
      const { host, port } = await startServer({ requirepass: 'hunter2' })
      const credentials = (() => given) as CredentialsProvider
      const error = await openDatabase({ host, port, credentials }).ping().then(String, Object)
      expect(error).toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
      expect(error.message).toContain(
        'it must give { username?, password }, both text, and nothing else',
      )
      expect(error.message).not.toContain('hunter2')
    },
  )

  it('logs in where it is a user and a password, or a password alone', async () => {
    const users = [{ name: 'alice', password: 'hunter2', rule: '~* &* +@all' }]
    const { host, port } = await startServer({ users, requirepass: 'another' })
    const given = [{ username: 'alice', password: 'hunter2' }, { password: 'another' }]
    for (const credentials of given) {
      await openDatabase({ host, port, credentials: () => credentials }).ping()
    }
  })
})

describe('a connection that was dropped after a stall', () => {
  it('is followed by one that stays, also where a call asks for it before the old one has ended', async () => {
    const commandTimeout = 300
    const proxy = await startProxy(await startServer({ requirepass: 'hunter2' }))
    const events = listenTo<ConnectionEvent>('connection')
    let asked = 0
    const db = openDatabase({
      host: proxy.host,
      port: proxy.port,
      commandTimeout,
      retryDelayOnFailover: 100,
      credentials: async () => {
        asked += 1
        if (asked > 1) await eventually(() => events.some(({ event }) => event === 'lost'))
        return { password: 'hunter2' }
      },
    })
    await db.ping()
    const connectedAt = performance.now()
    await eventually(() => performance.now() - connectedAt > commandTimeout)
    proxy.stall('replies')
    let next: Promise<string | null> | undefined
    const { code } = await db.getToken('a').catch((error) => {
      next = db.getToken('a')
      return error
    })
    expect(code).toBe('TIMEOUT')
    proxy.resume()
    expect(await next).toBeNull()
    const startedAt = performance.now()
    await eventually(() => db.ping().then(() => performance.now() - startedAt > 2 * commandTimeout))
    expect(events.map(({ event }) => event)).toEqual([
      'connected',
      'timedOut',
      'lost',
      'reconnected',
    ])
    expect(asked).toBe(2)
  })
})

describe('credentials that cannot be had', () => {
  it('before the first connection are no lost connection, and not why a later attempt fails', async () => {
    const events = listenTo<ConnectionEvent>('connection')
    let given: () => { password: string } = () => {
      throw new Error('not yet')
    }
    const port = await freePort()
    const credentials = (): { password: string } => given()
    const place = { host: '127.0.0.1', port, maxRetriesPerRequest: 0, retryDelayOnFailover: 1 }
    const db = openDatabase({ ...place, credentials })
    await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CREDENTIALS_UNAVAILABLE' })
    given = () => ({ password: 'hunter2' })
    await expect(db.getToken('a')).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' })
    expect(events.slice(0, 2)).toEqual([
      { event: 'failed', code: 'CREDENTIALS_UNAVAILABLE' },
      { event: 'failed', code: 'CONNECTION_REFUSED' },
    ])
  })
})
