import { expect, test } from 'vitest'
import { jsonOf, renewedToken, tokenAnswer } from '../../../src/oauth/answers.js'

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
  const answer = { accessToken: 'a2', refreshToken: 'r2', expiresIn }
  expect(renewedToken(RECORD, answer, NOW).expiresAt).toBe(expiresAt)
})

test('a body that is no object is an empty one, and the answer can still be read', async () => {
  for (const body of ['', 'null', '"text"', '<html>', '5']) {
    const answer = new Response(body)
    expect(await jsonOf(answer)).toEqual({})
    expect(await answer.text()).toBe(body)
  }
})
