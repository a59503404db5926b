import { OAuthAuthenticationRequiredError, OAuthClient } from '@atxp/client'
import type { FetchLike } from '@atxp/common'
import { beforeEach, expect, test } from 'vitest'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'
import { holdTime } from '../../../support/held-time.js'
import { settled } from '../../../support/oauth/expired-session.js'
import { startProcess, USER } from '../../../support/oauth/fleet-process.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'
import { MCP_URL, StrictServer } from '../../../support/oauth/strict-server.js'

// The published client where a person logs in: it has no account, and its caller sends the person to a URL.

const logger = { debug() {}, info() {}, warn() {}, error() {} }
const CALLBACK_URL = 'https://app.example/callback'

let store: MemoryStore
let server: StrictServer

// The client's cryptography takes real time, which goes on.
holdTime()

beforeEach(() => {
  store = new MemoryStore()
  server = new StrictServer()
  server.namesError = false
})
interface Caller {
  client: OAuthClient
  /** How long each call to the MCP server took to be answered, in the time of the test. */
  readonly waitsMs: number[]
}

function startCaller({ isInteractive = true } = {}): Caller {
  const session = new ClientSession({ isInteractive })
  const { db, fetch } = startProcess(store, server, { session, knowsIssuer: false })
  const waitsMs: number[] = []
  const fetchFn: FetchLike = async (url, init) => {
    const startedAt = performance.now()
    const answer = await fetch(url, init)
    waitsMs.push(performance.now() - startedAt)
    return answer
  }
  const client = new OAuthClient({
    userId: USER,
    db,
    callbackUrl: CALLBACK_URL,
    isPublic: false,
    fetchFn,
    sideChannelFetch: fetch,
    logger,
  })
  return { client, waitsMs }
}

const startCallers = (count: number) => Array.from({ length: count }, () => startCaller())

/** Resolves when the call is sent to a login. */
async function sentToLogin({ client }: Caller): Promise<void> {
  await expect(client.fetch(MCP_URL)).rejects.toThrow(OAuthAuthenticationRequiredError)
}

const urlOf = (client: OAuthClient) => client.makeAuthorizationUrl(MCP_URL, MCP_URL)

/** What the browser comes back with after the person agreed. */
async function agreed(url: URL): Promise<string> {
  const { redirect } = await (await server.fetch(url.href)).json()
  return redirect
}

test('all callers are sent to a login of their own within a second, and all callbacks work', async () => {
  const callers = startCallers(8)
  await settled(Promise.all(callers.map(sentToLogin)))
  const waitsMs = callers.flatMap((caller) => caller.waitsMs)
  expect(waitsMs).toHaveLength(8)
  expect(Math.min(...waitsMs)).toBe(0)
  expect(Math.max(...waitsMs)).toBe(1_000)
  const urls = await Promise.all(callers.map(({ client }) => urlOf(client)))
  expect(new Set(urls.map(({ searchParams }) => searchParams.get('state'))).size).toBe(8)
  for (const [index, { client }] of callers.entries()) {
    await client.handleCallback(await agreed(urls[index] as URL))
  }
  expect(server.count).toMatchObject({ registrations: 1, authorizations: 8 })
  const answers = await settled(Promise.all(callers.map(({ client }) => client.fetch(MCP_URL))))
  expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200))
})

test('a caller that comes while a person logs in waits a second at most', async () => {
  const [first, second] = startCallers(2) as [Caller, Caller]
  // Its wait for a login would be over by the time that passes here: nobody else logs in, so it waits for none.
  await sentToLogin(first)
  await urlOf(first.client)
  await settled(sentToLogin(second))
  expect(second.waitsMs).toHaveLength(1)
  expect(second.waitsMs[0]).toBeGreaterThan(0)
  expect(second.waitsMs[0]).toBeLessThanOrEqual(1_000)
})

test('a caller whose peer logs in within the second is answered', async () => {
  const [first, second] = startCallers(2) as [Caller, Caller]
  // Its wait for a login would be over by the time that passes here: nobody else logs in, so it waits for none.
  await sentToLogin(first)
  const callback = await agreed(await urlOf(first.client))
  const waiting = second.client.fetch(MCP_URL)
  await first.client.handleCallback(callback)
  expect((await settled(waiting)).status).toBe(200)
  expect(server.count).toMatchObject({ authorizations: 1 })
})

test('a caller with an account waits longer than a second', async () => {
  const [first, second] = [false, false].map((isInteractive) => startCaller({ isInteractive })) as [
    Caller,
    Caller,
  ]
  // Its wait for a login would be over by the time that passes here: nobody else logs in, so it waits for none.
  await sentToLogin(first)
  await settled(sentToLogin(second))
  expect(second.waitsMs[0]).toBeGreaterThan(1_000)
})
