import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Echoes } from '../../../../src/oauth/places/echoes.js'

const USER = 'base:0xabc'
const URL_READ = 'https://mcp.example/mcp'
const token = (name: string) => ({
  accessToken: `access-${name}`,
  refreshToken: `refresh-${name}`,
  resourceUrl: URL_READ,
})

let echoes: Echoes

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
  echoes = new Echoes()
})

afterEach(() => {
  vi.useRealTimers()
})

test.each([
  ['at the url itself', URL_READ, true],
  ['below it', `${URL_READ}/child`, true],
  ['beside it', `${URL_READ}2`, false],
  ['above it', 'https://mcp.example/', false],
  ['elsewhere', 'https://other.example/mcp', false],
])('a save of a pair that was handed out is its echo %s: %s is %s', (_, url, echo) => {
  echoes.expect(USER, URL_READ, token('a'))
  expect(echoes.take(USER, url, token('a'))).toBe(echo)
})

test('a save of another pair, user or refresh token is a save', () => {
  echoes.expect(USER, URL_READ, token('a'))
  expect(echoes.take(USER, URL_READ, token('b'))).toBe(false)
  expect(echoes.take('another', URL_READ, token('a'))).toBe(false)
  expect(echoes.take(USER, URL_READ, { ...token('a'), refreshToken: 'other' })).toBe(false)
})

test('a pair handed out at the root has its echo everywhere below, one without url nowhere', () => {
  echoes.expect(USER, 'https://mcp.example/', token('a'))
  expect(echoes.take(USER, URL_READ, token('a'))).toBe(true)
  echoes.expect(USER, '', token('b'))
  expect(echoes.take(USER, URL_READ, token('b'))).toBe(false)
  expect(echoes.take(USER, '', token('b'))).toBe(true)
})

test('each caller has one echo, and the next save of that pair is a save', () => {
  for (let caller = 0; caller < 3; caller++) echoes.expect(USER, URL_READ, token('a'))
  const saves = [1, 2, 3, 4].map(() => echoes.take(USER, URL_READ, token('a')))
  expect(saves).toEqual([true, true, true, false])
})

test('with an access token that stays the same, two refreshes have their echoes each', () => {
  const first = { ...token('a'), refreshToken: 'r1' }
  const second = { ...token('a'), refreshToken: 'r2' }
  echoes.expect(USER, URL_READ, first)
  echoes.expect(USER, URL_READ, second)
  expect([first, second].map((pair) => echoes.take(USER, URL_READ, pair))).toEqual([true, true])
})

test.each([
  ['the user', undefined],
  ['the record', URL_READ],
])(
  'when %s is deleted, what was handed out right before is an echo, and later the same pair is a new login',
  (_, url) => {
    echoes.expect(USER, URL_READ, token('a'))
    echoes.expect(USER, URL_READ, token('a'))
    vi.advanceTimersByTime(1)
    echoes.forget(USER, url)
    expect(echoes.take(USER, URL_READ, token('a'))).toBe(true)
    vi.advanceTimersByTime(15_000)
    expect(echoes.take(USER, URL_READ, token('a'))).toBe(false)
    echoes.expect(USER, URL_READ, token('a'))
    expect(echoes.take(USER, URL_READ, token('a'))).toBe(true)
  },
)

test('a deletion elsewhere takes no echo away', () => {
  echoes.expect(USER, URL_READ, token('a'))
  echoes.forget('another')
  echoes.forget(USER, 'https://other.example/')
  expect(echoes.take(USER, URL_READ, token('a'))).toBe(true)
})

test('nothing is an echo after a minute', () => {
  echoes.expect(USER, URL_READ, token('a'))
  vi.advanceTimersByTime(60_001)
  expect(echoes.take(USER, URL_READ, token('a'))).toBe(false)
})

test('of ten thousand pairs handed out at once, each is known', () => {
  const all = [...Array(10_000).keys()].map((i) => token(`${i}`))
  for (const pair of all) echoes.expect(USER, URL_READ, pair)
  expect(all.every((pair) => echoes.take(USER, URL_READ, pair))).toBe(true)
})
