import { beforeEach, expect, test, vi } from 'vitest'
import { RefusedTokens } from '../../../../src/oauth/trust/refused-tokens.js'
import { holdTime } from '../../../support/held-time.js'
import { ExpiredSession } from '../../../support/oauth/expired-session.js'
import { type FleetProcess, URL_OF_TOKEN } from '../../../support/oauth/fleet-process.js'

let session: ExpiredSession

holdTime()

beforeEach(() => {
  session = new ExpiredSession()
})

async function refuse(process: FleetProcess, accessToken: string | undefined): Promise<void> {
  const headers = new Headers({ authorization: `Bearer ${accessToken}` })
  expect((await process.fetch(URL_OF_TOKEN, { headers })).status).toBe(401)
}

test('a client whose old token was refused does not renew the new one that it read', async () => {
  const [first, second] = session.startAll(2) as FleetProcess[]
  const old = session.record?.accessToken
  await refuse(first as FleetProcess, old)
  await refuse(second as FleetProcess, old)
  expect(await first?.refresh()).toBe(200)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(1)
})

test('a client whose new token was refused too renews it', async () => {
  const [first, second] = session.startAll(2) as FleetProcess[]
  const old = session.record?.accessToken
  await refuse(second as FleetProcess, old)
  expect(await first?.refresh()).toBe(200)
  session.server.expireAccessTokens()
  await refuse(second as FleetProcess, session.record?.accessToken)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
  session.expectSound()
})

test('a new token that has expired by the clock is renewed, refused or not', async () => {
  const [first, second] = session.startAll(2) as FleetProcess[]
  await refuse(second as FleetProcess, session.record?.accessToken)
  session.server.expiresIn = 5
  expect(await first?.refresh()).toBe(200)
  await vi.advanceTimersByTimeAsync(6_000)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
})

test('a refusal long ago does not keep a client from renewing before the expiry', async () => {
  const [first, second] = session.startAll(2) as FleetProcess[]
  await refuse(second as FleetProcess, session.record?.accessToken)
  expect(await first?.refresh()).toBe(200)
  await vi.advanceTimersByTimeAsync(31_000)
  expect(await second?.refresh()).toBe(200)
  expect(session.server.count.refreshes).toBe(2)
})

const MCP = 'https://mcp.example/mcp'
const tokenAt = (resourceUrl: string, accessToken: string) => ({ accessToken, resourceUrl })

test('of 3000 refused tokens none passes for a good one', () => {
  const refused = new RefusedTokens()
  const tokens = Array.from({ length: 3_000 }, (_, index) => `token-${index}`)
  for (const token of tokens) refused.note(token, MCP)
  expect(tokens.filter((token) => refused.blameAnother(tokenAt(MCP, token)))).toEqual([])
  expect(refused.blameAnother(tokenAt(MCP, 'new'))).toBe(true)
})

test('beyond what is remembered of an origin nothing of it passes for a good one', () => {
  const refused = new RefusedTokens()
  for (let index = 0; index < 5_000; index += 1) refused.note(`token-${index}`, MCP)
  for (const token of ['token-0', 'token-4999', 'new']) {
    expect(refused.blameAnother(tokenAt(MCP, token))).toBe(false)
  }
  expect(refused.isRefused(tokenAt(MCP, 'new'))).toBe(true)
})

test('what has been too much to remember is over with its time', () => {
  const refused = new RefusedTokens()
  for (let index = 0; index < 5_000; index += 1) refused.note(`token-${index}`, MCP)
  vi.advanceTimersByTime(600_000)
  expect(refused.isRefused(tokenAt(MCP, 'new'))).toBe(false)
  refused.note('old', MCP)
  expect(refused.blameAnother(tokenAt(MCP, 'new'))).toBe(true)
})

test('a server that refuses for years tells of its tokens all the same', () => {
  const refused = new RefusedTokens()
  for (let index = 0; index < 5_000; index += 1) {
    refused.note(`token-${index}`, MCP)
    vi.advanceTimersByTime(1_000)
  }
  expect(refused.isRefused(tokenAt(MCP, 'new'))).toBe(false)
  expect(refused.isRefused(tokenAt(MCP, 'token-4999'))).toBe(true)
})

test('three origins that refuse without end take nothing from another', () => {
  const refused = new RefusedTokens()
  refused.note('old', MCP)
  for (let index = 0; index < 12_000; index += 1) {
    refused.note(`token-${index}`, `https://evil${index % 3}.example`)
  }
  expect(refused.isRefused(tokenAt(MCP, 'old'))).toBe(true)
  expect(refused.isRefused(tokenAt(MCP, 'good'))).toBe(false)
  refused.note('older', MCP)
  expect(refused.blameAnother(tokenAt(MCP, 'good'))).toBe(true)
})

test('thousands of origins take nothing from another, and there is no word on those for which there is no room', () => {
  const refused = new RefusedTokens()
  refused.note('old', MCP)
  for (let index = 0; index < 4_000; index += 1) {
    refused.note(`token-${index}`, `https://${index % 2_000}.evil.example`)
  }
  expect(refused.isRefused(tokenAt(MCP, 'old'))).toBe(true)
  expect(refused.isRefused(tokenAt(MCP, 'good'))).toBe(false)
  refused.note('older', 'https://late.example')
  expect(refused.isRefused(tokenAt('https://late.example', 'new'))).toBe(true)
  expect(refused.blameAnother(tokenAt('https://late.example', 'new'))).toBe(false)
  vi.advanceTimersByTime(600_000)
  expect(refused.isRefused(tokenAt('https://late.example', 'new'))).toBe(false)
})

test('a server that refuses everything tells nothing of the tokens of others', () => {
  const refused = new RefusedTokens()
  refused.note('any', 'https://evil.example/mcp')
  expect(refused.blameAnother(tokenAt(MCP, 'new'))).toBe(false)
  expect(refused.blameAnother(tokenAt('', 'new'))).toBe(false)
  refused.note('any', 'no url')
  expect(refused.blameAnother(tokenAt('no url', 'new'))).toBe(false)
})
