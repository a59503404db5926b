import { afterEach, beforeEach, describe, expect, it, test, vi } from 'vitest'
import { TokenPlaces } from '../../../../src/oauth/places/token-places.js'

const USER = 'base:0xabc'
const URL_READ = 'https://mcp.example/mcp'
const PLACE = { userId: USER, url: URL_READ, resourceUrl: 'https://mcp.example/mcp', origin: {} }
const token = (refreshToken: string) => ({
  accessToken: `access of ${refreshToken}`,
  refreshToken,
  resourceUrl: PLACE.resourceUrl,
})
const followed = (): TokenPlaces => {
  const places = new TokenPlaces()
  places.follow()
  return places
}
const remember = (places: TokenPlaces, refreshToken: string, userId = USER, url = URL_READ): void =>
  places.remember(userId, url, token(refreshToken), {})

test('finds every place where a refresh token was read', () => {
  const places = followed()
  remember(places, 'a', USER, 'https://mcp.example/')
  remember(places, 'a')
  remember(places, 'a', 'another')
  remember(places, 'a')
  expect(places.find('a').map(({ userId, url }) => [userId, url])).toEqual([
    [USER, 'https://mcp.example/'],
    [USER, URL_READ],
    ['another', URL_READ],
  ])
  expect(places.find('b')).toEqual([])
})

test('knows a place again whose resource has changed', () => {
  const places = followed()
  remember(places, 'a')
  places.remember(USER, URL_READ, { ...token('a'), resourceUrl: 'https://other.example' }, {})
  expect(places.find('a').map(({ resourceUrl }) => resourceUrl)).toEqual(['https://other.example'])
})

test('knows a place again whose issuer has become known', () => {
  const places = followed()
  remember(places, 'a')
  const origin = { issuer: 'https://auth.example', endpoint: 'https://auth.example/token' }
  places.remember(USER, URL_READ, token('a'), origin)
  expect(places.find('a')).toEqual([{ ...PLACE, origin }])
})

test('a record without a refresh token leaves no trace', () => {
  const places = followed()
  places.remember(USER, URL_READ, { accessToken: 'a', resourceUrl: '' }, {})
  expect(places.find('')).toEqual([])
})

test('keeps at least the last thirty thousand, and forgets in the end', () => {
  const places = followed()
  for (let i = 0; i < 120_000; i++) remember(places, `${i}`)
  expect(places.find('90001')).toEqual([PLACE])
  expect(places.find('0')).toEqual([])
})

test('an older place of a token that is read at another is not forgotten for that', () => {
  const places = followed()
  remember(places, 'a')
  const { generation } = places
  for (let i = 0; places.generation === generation; i++) remember(places, `${i}`)
  remember(places, 'a', 'another')
  expect(places.find('a').map(({ userId }) => userId)).toEqual([USER, 'another'])
})

test('long tokens cost no more memory than short ones', () => {
  const places = followed()
  const long = (i: number): string => `${i}`.padStart(200_000, 'x')
  for (let i = 0; i < 300; i++) remember(places, long(i))
  global.gc?.()
  expect(places.find(long(0))).toEqual([PLACE])
  expect(JSON.stringify([...mapsOf(places)]).length).toBeLessThan(200_000)
})

test('long names count: what is kept is bounded in bytes', () => {
  const places = followed()
  const url = (i: number): string => `https://mcp.example/${'x'.repeat(1_000_000)}${i}`
  for (let i = 0; i < 100; i++) remember(places, `${i}`, USER, url(i))
  const kept = [...Array(100).keys()].filter((i) => places.find(`${i}`).length > 0)
  expect(kept.length).toBeLessThanOrEqual(20)
  expect(kept).toContain(99)
})

/** What is kept, by the names under which it is found. */
function mapsOf(places: TokenPlaces): [unknown][] {
  return [[places.generation instanceof Map ? [...places.generation] : []]]
}

test('forgets in time, whoever asks', () => {
  vi.useFakeTimers({ toFake: ['performance'] })
  try {
    const places = followed()
    remember(places, 'a')
    expect(places.find('a')).toEqual([PLACE])
    vi.advanceTimersByTime(12 * 3_600_000)
    const { generation } = places
    expect(places.find('a')).toEqual([PLACE])
    vi.advanceTimersByTime(12 * 3_600_000)
    expect(places.generation).not.toBe(generation)
    expect(places.find('a')).toEqual([])
  } finally {
    vi.useRealTimers()
  }
})

test('weighs where tokens came from, too', () => {
  const places = followed()
  const origin = { issuer: 'x'.repeat(1_000_000) }
  for (let i = 0; i < 30; i++) places.remember(USER, URL_READ, token(`${i}`), origin)
  expect(places.find('0')).toEqual([])
})

test('a record that lacks its resource is known all the same', () => {
  const places = followed()
  places.remember(USER, URL_READ, { ...token('a'), resourceUrl: null as never }, {})
  expect(places.find('a')).toEqual([{ ...PLACE, resourceUrl: '' }])
})

describe('before a coordinated fetch', () => {
  it('keeps the last reads, whatever was read in between, and the last place comes last', () => {
    const places = new TokenPlaces()
    for (let i = 0; i < 1_000; i++) remember(places, `${i}`)
    remember(places, '970', 'another')
    places.follow()
    expect(places.find('0')).toEqual([])
    expect(places.find('980')).toEqual([PLACE])
    expect(places.find('970').map(({ userId }) => userId)).toEqual([USER, 'another'])
  })

  it('keeps them once: a second fetch changes nothing', () => {
    const places = new TokenPlaces()
    remember(places, 'a')
    places.follow()
    const { generation } = places
    remember(places, 'b')
    places.follow()
    expect(places.generation).toBe(generation)
    expect([...places.find('a'), ...places.find('b')]).toEqual([PLACE, PLACE])
  })

  it('has who remembers once for a generation do it again afterwards', () => {
    const places = new TokenPlaces()
    const { generation } = places
    remember(places, 'a')
    expect(places.generation).toBe(generation)
    places.follow()
    expect(places.generation).not.toBe(generation)
  })

  it('keeps no long names for long', () => {
    const places = new TokenPlaces()
    const url = (i: number): string => `https://mcp.example/${'x'.repeat(1_000_000)}${i}`
    for (let i = 0; i < 100; i++) remember(places, `${i}`, USER, url(i))
    places.follow()
    const kept = [...Array(100).keys()].filter((i) => places.find(`${i}`).length > 0)
    expect(kept.length).toBeLessThanOrEqual(20)
    expect(kept).toContain(99)
  })
})

describe('reads that are entered already', () => {
  const find = (places: TokenPlaces, refreshToken: string) =>
    places.find(refreshToken).map(({ userId, url, resourceUrl }) => [userId, url, resourceUrl])

  it('differ by user, url and resource, whatever was read before', () => {
    const places = followed()
    const resource = (resourceUrl: string): void =>
      places.remember(USER, URL_READ, { ...token('a'), resourceUrl }, {})
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 100; i++)
        remember(places, 'a', `user ${i % 3}`, `https://${i % 5}.example`)
    }
    resource('https://one.example')
    resource(URL_READ)
    resource('https://one.example')
    expect(find(places, 'a')).toHaveLength(16)
    expect(find(places, 'a').at(-1)).toEqual([USER, URL_READ, 'https://one.example'])
    resource(URL_READ)
    expect(find(places, 'a').at(-1)).toEqual([USER, URL_READ, URL_READ])
  })

  it('are found whatever order a thousand of them are read in, also after a generation', () => {
    const places = followed()
    const { generation } = places
    const next = (
      (state) => () =>
        (state = (state * 48_271) % 2_147_483_647)
    )(7)
    for (let i = 0; i < 20_000; i++) remember(places, `token ${next() % 1_000}`)
    for (let i = 0; places.generation === generation; i++) remember(places, `other ${i}`)
    for (let i = 0; i < 1_000; i++) remember(places, `token ${i}`)
    const { generation: now } = places
    for (let i = 0; places.generation === now; i++) remember(places, `another ${i}`)
    for (let i = 0; i < 1_000; i++) expect(places.find(`token ${i}`)).toEqual([PLACE])
  })

  it.each([
    ['short', 'a'],
    ['long', 'x'.repeat(500)],
  ])(
    'of a %s token are entered again when its other places have taken theirs',
    (_, refreshToken) => {
      const places = followed()
      for (let i = 0; i <= 40; i++) remember(places, refreshToken, `user ${i}`)
      remember(places, refreshToken, 'user 0')
      expect(find(places, refreshToken)).toHaveLength(32)
      expect(find(places, refreshToken).at(-1)).toEqual(['user 0', URL_READ, URL_READ])
    },
  )

  it('tell a record that lacks its resource from one that is its own', () => {
    const places = followed()
    places.remember(USER, URL_READ, { ...token('a'), resourceUrl: '' }, {})
    remember(places, 'a')
    expect(find(places, 'a')).toEqual([[USER, URL_READ, URL_READ]])
  })
})

describe('in time', () => {
  const HALF_DAY_MS = 12 * 3_600_000

  beforeEach(() => vi.useFakeTimers({ toFake: ['performance'] }))
  afterEach(() => vi.useRealTimers())

  it('a read that waits to be entered loses its token no other place', () => {
    const places = followed()
    remember(places, 'a')
    remember(places, 'a', 'another')
    places.find('a')
    vi.advanceTimersByTime(HALF_DAY_MS)
    places.find('b')
    vi.advanceTimersByTime(HALF_DAY_MS - 1)
    remember(places, 'b')
    remember(places, 'a')
    vi.advanceTimersByTime(1)
    expect(places.find('a').map(({ userId }) => userId)).toEqual(['another', USER])
  })

  it('what waits is entered before its generation turns', () => {
    const places = followed()
    const { generation } = places
    remember(places, 'a')
    vi.advanceTimersByTime(HALF_DAY_MS)
    expect(places.generation).not.toBe(generation)
    vi.advanceTimersByTime(HALF_DAY_MS)
    expect(places.generation).not.toBe(generation)
    expect(places.find('a')).toEqual([])
  })
})
