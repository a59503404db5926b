import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { LIES, type Lie, MENUS, meet, titleOf } from '../support/hostile/lies.js'
import { World } from '../support/hostile/world.js'

// bench/hostile-servers.mjs sets these to go on for longer.
const seconds = Number(process.env.HOSTILE_SECONDS ?? 0)
const seed = Number(process.env.HOSTILE_SEED ?? 1)

const FEW = 5

let world: World

beforeAll(async () => {
  world = await World.start()
})
afterAll(() => world?.stop())

beforeEach(() => world.begin())
afterEach(() => world.end())

describe('nothing of an honest server is touched by one that answers', () => {
  it.each(LIES.map((lie) => [titleOf(lie), lie] as const))('%s', async (_, lie) => {
    await meet(world, lie)
    await world.expectWell()
  })
})

/** At each place an answer of its menu, or none. */
const anyLie: fc.Arbitrary<Lie> = fc.record(
  Object.fromEntries(
    Object.entries(MENUS).map(([place, menu]) => [place, fc.constantFrom(...Object.keys(menu))]),
  ),
  { requiredKeys: [] },
)

it(
  `nothing is touched by lies at random (seed ${seed})`,
  async () => {
    const until = performance.now() + seconds * 1_000
    let met = 0
    for (let round = seed; met < FEW || performance.now() < until; round += 1) {
      const [lie] = fc.sample(anyLie, { seed: round, numRuns: 1 })
      if (lie === undefined) throw new Error('no lie')
      try {
        await meet(world, lie)
        await world.expectWell()
      } catch (error) {
        throw new Error(`HOSTILE_SEED=${round}: ${titleOf(lie)}`, { cause: error })
      }
      met += 1
      await world.end()
      await world.begin()
    }
    if (seconds > 0) process.stdout.write(`${met} lies at random\n`)
  },
  60_000 + seconds * 1_000,
)

it('an honest server that forgets a client is believed, so that these tests can fail', async () => {
  world.honest.forgetClients()
  world.honest.expireAccessTokens()
  await world.visit(world.mcp.url())
  await expect(world.expectUntouched()).rejects.toThrow()
})

describe('accounts that a header tells apart', () => {
  /** Registers in both processes, which have read the metadata; gives the clients that they got. */
  async function register(headers: [Record<string, string>, Record<string, string>]) {
    const { issuer } = world.honest
    const clients = headers.map(async (header, process) => {
      const fetch = world.database(process).coordinatedFetch()
      await (await fetch(`${issuer}/.well-known/oauth-authorization-server`)).json()
      const answer = await fetch(`${issuer}/register`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...header },
        body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
      })
      return ((await answer.json()) as { client_id: string }).client_id
    })
    return new Set(await Promise.all(clients))
  }

  it.each(['x-atxp-token', 'authorization', 'cookie'])('never share a client: %s', async (name) => {
    expect((await register([{ [name]: 'Bearer a' }, { [name]: 'Bearer b' }])).size).toBe(2)
    expect((await register([{ [name]: 'Bearer c' }, { [name]: 'Bearer c' }])).size).toBe(1)
  })
})
