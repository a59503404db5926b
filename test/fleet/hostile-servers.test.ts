import { monitorEventLoopDelay } from 'node:perf_hooks'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { FetchLike } from '../../src/index.js'
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

/** On a busy machine a round tells nothing: what takes this long can run into any time limit. Half of `commandTimeout`. */
const BUSY_NS = 1e9

/** What is wrong after a fleet has met the lie; undefined: nothing. */
async function failureAfter(lie: Lie): Promise<unknown> {
  try {
    await world.end()
    await world.begin()
    await meet(world, lie)
    await world.expectWell()
    return undefined
  } catch (error) {
    return error
  }
}

it(
  `nothing is touched by lies at random (seed ${seed})`,
  async () => {
    const until = performance.now() + seconds * 1_000
    const delay = monitorEventLoopDelay()
    delay.enable()
    let met = 0
    let unjudged = 0
    for (let round = seed; met < FEW || performance.now() < until; round += 1) {
      const [lie] = fc.sample(anyLie, { seed: round, numRuns: 1 })
      if (lie === undefined) throw new Error('no lie')
      delay.reset()
      const failure = await failureAfter(lie)
      if (failure === undefined) met += 1
      else if (seconds > 0 && delay.max > BUSY_NS) unjudged += 1
      else throw new Error(`HOSTILE_SEED=${round}: ${titleOf(lie)}`, { cause: failure })
    }
    delay.disable()
    if (seconds > 0) {
      process.stdout.write(
        `${met} lies at random, ${unjudged} more on a machine too busy to tell\n`,
      )
    }
  },
  // The last round may begin right before the end.
  60_000 + seconds * 1_100,
)

it('an honest server that forgets a client is believed, so that these tests can fail', async () => {
  world.honest.forgetClients()
  world.honest.expireAccessTokens()
  await world.visit(world.mcp.url())
  await expect(world.expectUntouched()).rejects.toThrow()
})

it('without a lie both clients log in at the other server, so that lies reach them', async () => {
  world.evil.behave({})
  expect(await world.authorize(world.evil.resource, 'base:0xa11ce')).toBe('finished')
  await world.visit(world.evil.resource, 'base:0xb0b')
  expect(world.evil.received).toContain('grant_type=authorization_code')
  expect(await world.database().getAccessToken('base:0xb0b', world.evil.resource)).not.toBeNull()
  await world.expectUntouched()
})

async function discover(fetch: FetchLike): Promise<void> {
  const answer = await fetch(`${world.honest.issuer}/.well-known/oauth-authorization-server`)
  expect(await answer.json()).toMatchObject({ issuer: world.honest.issuer })
}

/** Registers at the honest server; gives the client id. */
async function register(fetch: FetchLike, headers: Record<string, string> = {}): Promise<unknown> {
  const answer = await fetch(`${world.honest.issuer}/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ redirect_uris: ['http://127.0.0.1/callback'] }),
  })
  return ((await answer.json()) as { client_id: unknown }).client_id
}

it('a client that has the endpoint from elsewhere than this metadata is not handed what is shared', async () => {
  const [one, same, other] = [0, 1, 1].map((process) => world.database(process).coordinatedFetch())
  if (one === undefined || same === undefined || other === undefined) throw new Error('no fetch')
  await discover(one)
  await discover(same)
  const shared = await register(one)
  expect(await register(same)).toBe(shared)
  expect(await register(other)).not.toBe(shared)
})

describe('accounts that a header tells apart', () => {
  /** In both processes, which have read the metadata. */
  async function registerBoth(headers: [Record<string, string>, Record<string, string>]) {
    const clients = headers.map(async (header, process) => {
      const fetch = world.database(process).coordinatedFetch()
      await discover(fetch)
      return register(fetch, header)
    })
    return new Set(await Promise.all(clients))
  }

  it.each(['x-atxp-token', 'authorization', 'cookie'])('never share a client: %s', async (name) => {
    expect((await registerBoth([{ [name]: 'Bearer a' }, { [name]: 'Bearer b' }])).size).toBe(2)
    expect((await registerBoth([{ [name]: 'Bearer c' }, { [name]: 'Bearer c' }])).size).toBe(1)
  })
})
