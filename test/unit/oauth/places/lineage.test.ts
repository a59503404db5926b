import { beforeEach, describe, expect, test } from 'vitest'
import { ExpiredSession } from '../../../support/oauth/expired-session.js'
import { type FleetProcess, refreshInit } from '../../../support/oauth/fleet-process.js'
import { type StrictServer, TOKEN_URL } from '../../../support/oauth/strict-server.js'

// One refresh token that stands at two places.

interface At {
  user: string
  url: string
}

const ALICE: At = { user: 'alice', url: 'https://mcp.example/one' }
const PLACES: [string, At][] = [
  ['urls of one user', { user: 'alice', url: 'https://mcp.example/two' }],
  ['users', { user: 'bob', url: 'https://mcp.example/one' }],
]

let session: ExpiredSession
let server: StrictServer
let refreshToken: string

beforeEach(() => {
  session = new ExpiredSession()
  server = session.server
  refreshToken = session.refreshToken
})

function put(
  { user, url }: At,
  fields: { accessToken?: string; refreshToken?: string } = {},
): void {
  session.store.put(user, url, {
    accessToken: 'expired',
    refreshToken,
    resourceUrl: url,
    ...fields,
  })
}

/** A process that has read the token at these places. */
async function startAt(...places: At[]): Promise<FleetProcess> {
  const process = session.start()
  for (const { user, url } of places) await process.db.getAccessToken(user, url)
  return process
}

/** As the client does at the url that it called. */
function saveAnswer(
  { db }: FleetProcess,
  { user, url }: At,
  body: { access_token: string; refresh_token: string },
): Promise<void> {
  return db.saveAccessToken(user, url, {
    accessToken: body.access_token,
    refreshToken: body.refresh_token,
    resourceUrl: url,
  })
}

const at = ({ user, url }: At) => session.store.get(user, url)
const send = (process: FleetProcess) => process.fetch(TOKEN_URL, refreshInit(refreshToken))

describe.each(PLACES)('a refresh token at two %s', (_, other) => {
  beforeEach(() => {
    put(ALICE)
    put(other)
  })

  test('is sent once, and each place gets the new pair', async () => {
    const processes = await Promise.all([startAt(ALICE, other), startAt(other, ALICE)])
    const answers = await Promise.all([...processes, ...processes].map(send))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    const [family] = server.families
    for (const place of [ALICE, other]) {
      expect(at(place)).toMatchObject({
        accessToken: family?.accessToken,
        refreshToken: family?.refreshToken,
        resourceUrl: place.url,
      })
    }
    expect(server.count).toMatchObject({ refreshes: 1, familiesRevoked: 0 })
  })

  test('leaves a place alone that holds a login of its own by then, which answers nobody', async () => {
    const process = await startAt(ALICE, other)
    const own = server.login()
    put(other, { accessToken: own.accessToken, refreshToken: own.refreshToken })
    const body = await (await send(process)).json()
    expect(body.access_token).toBe(server.families[0]?.accessToken)
    expect(at(other)?.refreshToken).toBe(own.refreshToken)
    expect(at(ALICE)?.accessToken).toBe(body.access_token)
  })

  test('is answered with no login at one of them once it stands nowhere', async () => {
    const process = await startAt(ALICE, other)
    session.store.records.clear()
    const own = server.login()
    put(other, { accessToken: own.accessToken, refreshToken: own.refreshToken })
    const answer = await send(process)
    expect(answer.status).toBe(400)
    expect(await answer.text()).not.toContain(own.accessToken)
    expect(at(other)?.refreshToken).toBe(own.refreshToken)
    expect(server.count.refreshes).toBe(0)
  })

  test.each([
    ['deleted', false],
    ['logged in anew', true],
  ])('is saved by no client at a place that was %s during the request', async (_, isNewLogin) => {
    const process = await startAt(ALICE, other)
    const request = session.holdTokenRequest()
    const answer = send(process)
    await request.reached
    session.store.records.clear()
    put(ALICE)
    const own = isNewLogin ? server.login() : undefined
    if (own) put(other, { accessToken: own.accessToken, refreshToken: own.refreshToken })
    request.go()
    const body = await (await answer).json()
    expect(at(ALICE)?.refreshToken).toBe(body.refresh_token)
    await saveAnswer(process, other, body)
    expect(at(other)?.refreshToken).toBe(own?.refreshToken)
  })

  test('is saved by no client that was answered from one place when the other has been deleted', async () => {
    const [late, process] = await Promise.all([startAt(ALICE, other), startAt(ALICE, other)])
    await send(process)
    let reads = 0
    session.store.step = (call, when) => {
      // The first two are what it is answered from.
      if (call !== 'read' || when !== 'request' || ++reads !== 3) return
      const alice = at(ALICE)
      session.store.records.clear()
      if (alice) session.store.put(ALICE.user, ALICE.url, alice)
    }
    const body = await (await send(late)).json()
    expect(reads).toBe(4)
    await saveAnswer(late, other, body)
    expect(at(other)).toBeUndefined()
    expect(at(ALICE)?.refreshToken).toBe(body.refresh_token)
  })

  test('gives way to no pair that has been renewed itself meanwhile', async () => {
    const process = await startAt(ALICE)
    const late = await startAt(ALICE, other)
    await send(process)
    const { accessToken = '' } = at(ALICE) ?? {}
    let reads = 0
    session.store.step = (call, when) => {
      if (call !== 'read' || when !== 'request' || ++reads !== 3) return
      session.store.origins.set('newest', session.store.origins.get(accessToken) ?? {})
      put(ALICE, { accessToken: 'newest', refreshToken: 'newest' })
    }
    await send(late)
    expect(reads).toBe(4)
    expect(at(other)?.refreshToken).toBe(refreshToken)
    await send(late)
    expect(at(other)?.refreshToken).toBe('newest')
  })

  test('is put right at the second place by the next, when its process died between the two saves', async () => {
    const [victim, next] = await Promise.all([startAt(ALICE, other), startAt(ALICE, other)])
    let replaces = 0
    const died = new Promise<void>((resolve) => {
      session.store.step = (call, when) => {
        if (call !== 'replace' || when !== 'request' || ++replaces !== 2) return undefined
        resolve()
        return new Promise(() => undefined)
      }
    })
    void send(victim).catch(() => undefined)
    await died
    session.store.failing = (call) => call === 'renew'
    const spentAt = [ALICE, other].filter((place) => at(place)?.refreshToken === refreshToken)
    expect(spentAt).toHaveLength(1)
    const body = await (await send(next)).json()
    const [family] = server.families
    expect(body.refresh_token).toBe(family?.refreshToken)
    expect([ALICE, other].map((place) => at(place)?.refreshToken)).toEqual([
      family?.refreshToken,
      family?.refreshToken,
    ])
    expect(server.count).toMatchObject({ refreshes: 1, familiesRevoked: 0 })
  })
})

test('two refreshes after each other keep the line, so that who held the first token is answered', async () => {
  const bob: At = { user: 'bob', url: ALICE.url }
  put(ALICE)
  put(bob)
  const late = await startAt(ALICE, bob)
  const process = await startAt(ALICE, bob)
  await send(process)
  const next = at(ALICE)?.refreshToken ?? ''
  session.store.records.forEach((token, key) => {
    session.store.records.set(key, { ...token, expiresAt: 1 })
  })
  expect((await process.fetch(TOKEN_URL, refreshInit(next))).status).toBe(200)
  const body = await (await send(late)).json()
  expect(body.refresh_token).toBe(server.families[0]?.refreshToken)
  expect(server.count).toMatchObject({ refreshes: 2, familiesRevoked: 0 })
})
