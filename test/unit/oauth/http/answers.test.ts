import { expect, test } from 'vitest'
import { headersOf, jsonOf, renewedToken, tokenAnswer } from '../../../../src/oauth/http/answers.js'

const NOW = 1_700_000_000_000
const RECORD = { accessToken: 'a', refreshToken: 'r', resourceUrl: 'https://mcp.example/' }

test.each([
  ['seconds', NOW / 1000 + 90, 90],
  ['milliseconds', NOW + 90_900, 90],
  ['the past', NOW - 5_000, 0],
])('an expiry in %s is answered in whole seconds from now', async (_, expiresAt, expiresIn) => {
  expect(await tokenAnswer({ ...RECORD, expiresAt }, NOW).json()).toEqual({
    access_token: 'a',
    refresh_token: 'r',
    token_type: 'Bearer',
    expires_in: expiresIn,
  })
})

test('what the record does not hold is not answered', async () => {
  const { refreshToken, ...rest } = RECORD
  expect(refreshToken).toBe('r')
  const answer = tokenAnswer(rest, NOW)
  expect(await answer.json()).toEqual({ access_token: 'a', token_type: 'Bearer' })
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test.each([
  [3600, NOW / 1000 + 3600],
  ['3600', NOW / 1000 + 3600],
  [undefined, undefined],
  ['soon', undefined],
])('expires_in %j becomes an expiry of %j', (expiresIn, expiresAt) => {
  const body = { access_token: 'a2', refresh_token: 'r2', expires_in: expiresIn }
  expect(renewedToken(RECORD, body, 'r', NOW).expiresAt).toBe(expiresAt)
})

test('all members of the answer come into the record and, with it, to who is answered from there', async () => {
  const record = { ...RECORD, expiresAt: NOW / 1000, scope: 'read', custom: 'stays' }
  const body = { access_token: 'a2', expires_in: 60, scope: 'read write', id_token: 'id' }
  const renewed = renewedToken(record, body, 'r', NOW)
  expect(renewed).toEqual({
    accessToken: 'a2',
    refreshToken: 'r',
    expiresAt: NOW / 1000 + 60,
    resourceUrl: RECORD.resourceUrl,
    scope: 'read write',
    id_token: 'id',
    custom: 'stays',
  })
  expect(await tokenAnswer(renewed, NOW).json()).toMatchObject(body)
})

test('no answer says where a record stands or what it descends from', () => {
  const body = JSON.parse(
    '{"access_token":"a2","resourceUrl":"https://evil.example/","refreshToken":"x","~":{"line":"x"},"__proto__":{"y":1}}',
  )
  const renewed = renewedToken(RECORD, body, 'r', NOW)
  expect(renewed).toEqual({ ...RECORD, accessToken: 'a2' })
  expect(Object.getPrototypeOf(renewed)).toBe(Object.prototype)
})

test('a body that is no object is an empty one, and the answer can still be read', async () => {
  for (const body of ['', 'null', '"text"', '<html>', '5']) {
    const answer = new Response(body)
    expect(await jsonOf(answer)).toEqual({})
    expect(await answer.text()).toBe(body)
  }
})

test.each([
  ['as fetch has them', new Headers({ 'content-type': 'text/plain' })],
  ['as an object', { 'content-type': 'text/plain' }],
  ['as a list', [['content-type', 'text/plain']]],
])('headers of an answer are taken %s', (_, headers) => {
  expect(headersOf({ headers } as never)).toEqual([['content-type', 'text/plain']])
})

test.each([undefined, null])('an answer whose headers are %s has none', (headers) => {
  expect(headersOf({ headers } as never)).toEqual([])
})
