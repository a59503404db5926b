import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { HandedOut } from '../../../../src/oauth/session/handed-out.js'

const URL_CALLED = 'https://mcp.example/'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

test('a request without a token is of the one user who has none', () => {
  const handedOut = new HandedOut()
  handedOut.note('a', URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBe('a')
  handedOut.note('b', URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBeUndefined()
  handedOut.note('b', URL_CALLED, 'access')
  expect(handedOut.userWithout(URL_CALLED)).toBe('a')
})

test('each user is forgotten in time, whoever else comes', () => {
  const handedOut = new HandedOut()
  handedOut.note('a', URL_CALLED, undefined)
  vi.advanceTimersByTime(20_000)
  handedOut.note('b', URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBeUndefined()
  vi.advanceTimersByTime(10_000)
  expect(handedOut.userWithout(URL_CALLED)).toBe('b')
  vi.advanceTimersByTime(20_000)
  expect(handedOut.userWithout(URL_CALLED)).toBeUndefined()
})

test('of many users none is the only one, also when all that are remembered have a token', () => {
  const handedOut = new HandedOut()
  const users = Array.from({ length: 100 }, (_, i) => `user${i}`)
  for (const user of users) handedOut.note(user, URL_CALLED, undefined)
  for (const user of users.slice(1)) handedOut.note(user, URL_CALLED, `access of ${user}`)
  handedOut.note('user99', URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBeUndefined()
  vi.advanceTimersByTime(30_000)
  handedOut.note('user99', URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBe('user99')
})

test('one client may look for very many users', () => {
  const handedOut = new HandedOut()
  for (let i = 0; i < 200_000; i += 1) handedOut.note(`user${i}`, URL_CALLED, undefined)
  expect(handedOut.userWithout(URL_CALLED)).toBeUndefined()
})
