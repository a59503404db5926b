import { beforeEach, describe, expect, it } from 'vitest'
import { NearCache } from '../../../src/cache/near-cache.js'
import type { AccessToken } from '../../../src/leaves/contract.js'
import { TokenPlaces } from '../../../src/oauth/places/token-places.js'
import { KeySpace } from '../../../src/record/keys.js'
import { KnownAccessTokens } from '../../../src/store/known-access-tokens.js'

const URL = 'https://mcp.example/one'
const MANY_PLACES = 120_000
const KEY = new KeySpace('').of('access', 'user', URL)

let places: TokenPlaces
let known: KnownAccessTokens
let standing: AccessToken | null
let reads: number

beforeEach(() => {
  places = new TokenPlaces()
  places.follow()
  standing = { accessToken: 'access', refreshToken: 'refresh', resourceUrl: URL }
  reads = 0
  const cache = new NearCache({ maxEntries: 10, maxBytes: 1e9, maxAgeMs: 60_000 })
  cache.armed()
  known = new KnownAccessTokens(
    cache.shelf(() => undefined),
    {
      places,
      read: async () => {
        reads += 1
        return standing === null ? null : JSON.stringify(standing)
      },
      expiry: async () => null,
      decode: (text) => ({ token: JSON.parse(text), origin: {} }),
      expiredAccessTokens: 'keep',
    },
  )
})

async function get(): Promise<AccessToken | null> {
  const found = known.get('user', URL)
  return found === undefined ? ((await known.read('user', URL, KEY))?.token ?? null) : found
}

describe('what is served from memory', () => {
  it('keeps the place of its refresh token known, however many others are read', async () => {
    await get()
    for (let i = 0; i < MANY_PLACES; i += 1) {
      const other = { accessToken: '', refreshToken: `${i}`, resourceUrl: URL }
      places.remember('other', URL, other, {})
      await get()
    }
    expect(reads).toBe(1)
    expect(places.find('refresh')).toEqual([
      { userId: 'user', url: URL, resourceUrl: URL, origin: {} },
    ])
  })

  it('is a copy each, with what is in it', async () => {
    standing = { accessToken: 'access', resourceUrl: URL, more: { deep: [1] } } as AccessToken
    const [first, second] = [await get(), await get()]
    expect(second).toEqual(standing)
    expect(second).not.toBe(first)
    expect((second as unknown as { more: object }).more).not.toBe(
      (first as unknown as { more: object }).more,
    )
    expect(reads).toBe(1)
  })
})
