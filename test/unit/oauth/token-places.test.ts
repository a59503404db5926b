import { expect, test } from 'vitest'
import { TokenPlaces } from '../../../src/oauth/token-places.js'

const USER = 'base:0xabc'
const URL_READ = 'https://mcp.example/mcp'
const PLACE = { user: USER, url: URL_READ, resourceUrl: 'https://mcp.example/mcp' }
const token = (name: string) => ({
  accessToken: `access-${name}`,
  refreshToken: `refresh-${name}`,
  resourceUrl: PLACE.resourceUrl,
})

test('finds where a refresh token was read last', () => {
  const places = new TokenPlaces()
  places.remember(USER, 'https://mcp.example/', token('a'))
  places.remember(USER, URL_READ, token('a'))
  expect(places.find('refresh-a')).toEqual(PLACE)
  expect(places.find('refresh-b')).toBeNull()
})

test('a record without a refresh token leaves no trace', () => {
  const places = new TokenPlaces()
  places.remember(USER, URL_READ, { accessToken: 'a', resourceUrl: '' })
  expect(places.find('')).toBeNull()
})

test('keeps at least the last ten thousand, and forgets in the end', () => {
  const places = new TokenPlaces()
  for (let i = 0; i < 30_000; i++) places.remember(USER, URL_READ, token(`${i}`))
  expect(places.find('refresh-20001')).toEqual(PLACE)
  expect(places.find('refresh-0')).toBeNull()
})

test.each([
  ['at the url itself', URL_READ, true],
  ['below it', `${URL_READ}/child`, true],
  ['beside it', `${URL_READ}2`, false],
  ['above it', 'https://mcp.example/', false],
  ['elsewhere', 'https://other.example/mcp', false],
])('a save of a pair that was handed out is its echo %s: %s is %s', (_, url, echo) => {
  const places = new TokenPlaces()
  places.settle(PLACE, token('a'))
  expect(places.isSettled(USER, url, token('a'))).toBe(echo)
})

test('a save of another pair, user or refresh token is a save', () => {
  const places = new TokenPlaces()
  places.settle(PLACE, token('a'))
  expect(places.isSettled(USER, URL_READ, token('b'))).toBe(false)
  expect(places.isSettled('another', URL_READ, token('a'))).toBe(false)
  expect(places.isSettled(USER, URL_READ, { ...token('a'), refreshToken: 'other' })).toBe(false)
})

test('a pair handed out at the root has its echo everywhere below, one without url nowhere', () => {
  const places = new TokenPlaces()
  places.settle({ ...PLACE, url: 'https://mcp.example/' }, token('a'))
  expect(places.isSettled(USER, URL_READ, token('a'))).toBe(true)
  places.settle({ ...PLACE, url: '' }, token('b'))
  expect(places.isSettled(USER, URL_READ, token('b'))).toBe(false)
  expect(places.isSettled(USER, '', token('b'))).toBe(true)
})

test('a pair that was handed out can be found for its next refresh', () => {
  const places = new TokenPlaces()
  places.settle(PLACE, token('a'))
  expect(places.find('refresh-a')).toEqual(PLACE)
})

test('remembers the last thousand pairs that were handed out', () => {
  const places = new TokenPlaces()
  for (let i = 0; i < 1_500; i++) places.settle(PLACE, token(`${i}`))
  expect(places.isSettled(USER, URL_READ, token('501'))).toBe(true)
  expect(places.isSettled(USER, URL_READ, token('499'))).toBe(false)
})
