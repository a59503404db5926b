import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, it } from 'vitest'
import { openDatabase, startServer } from '../../support/scene.js'

const TOKEN_URL = 'https://auth.example/token'
const PARENT = 'https://server.example'
const CHILD = 'https://server.example/mcp'
const COUNT = 10_000
/** Echoes and places may hold 64 MiB; records of so few bytes need much less. */
const MAX_GROWTH_BYTES = 48 * 2 ** 20

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

function heapBytes(): number {
  collectGarbage()
  return process.memoryUsage().heapUsed
}

it('10,000 refreshes at once leave each pair at one place, and no memory to speak of', async () => {
  const redis = await startServer()
  // So many commands at once take their time.
  const db = openDatabase({ url: redis.url, commandTimeout: 60_000 })
  const users = Array.from({ length: COUNT }, (_, index) => `user ${index}`)
  const spent: string[] = []
  const fetch = db.coordinatedFetch(async (_, init) => {
    const sent = new URLSearchParams(String(init?.body)).get('refresh_token') ?? ''
    spent.push(sent)
    return Response.json({ access_token: `new ${sent}`, refresh_token: `next ${sent}` })
  })
  await Promise.all(
    users.map((user) =>
      db.saveAccessToken(user, PARENT, {
        accessToken: 'old',
        refreshToken: `refresh of ${user}`,
        resourceUrl: PARENT,
      }),
    ),
  )
  await Promise.all(users.map((user) => db.getAccessToken(user, PARENT)))
  const before = heapBytes()

  const answers = await Promise.all(
    users.map(async (user) => {
      const form = { grant_type: 'refresh_token', refresh_token: `refresh of ${user}` }
      const answer = await fetch(TOKEN_URL, { method: 'POST', body: new URLSearchParams(form) })
      return await answer.json()
    }),
  )
  // As the SDK does: each client saves at the url that it called what it was handed.
  await Promise.all(
    users.map((user, index) =>
      db.saveAccessToken(user, CHILD, {
        accessToken: answers[index].access_token,
        refreshToken: answers[index].refresh_token,
        resourceUrl: PARENT,
      }),
    ),
  )
  expect(new Set(spent).size).toBe(COUNT)
  expect(spent).toHaveLength(COUNT)
  const keys = await redis.cli<string[]>('KEYS', '*~access:*')
  expect(keys.filter((key) => key.endsWith(CHILD))).toEqual([])
  expect(keys).toHaveLength(COUNT)
  const last = await db.getAccessToken(`user ${COUNT - 1}`, PARENT)
  expect(last?.refreshToken).toBe(`next refresh of user ${COUNT - 1}`)
  answers.length = 0
  expect(heapBytes() - before).toBeLessThan(MAX_GROWTH_BYTES)
}, 120_000)
