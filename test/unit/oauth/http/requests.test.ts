import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { header, requestKind } from '../../../../src/oauth/http/requests.js'

const TOKEN = 'https://auth.example/token'
const FORM = 'application/x-www-form-urlencoded'

function post(body: unknown, headers: unknown = {}): unknown {
  return { method: 'POST', headers, body }
}

describe('a refresh', () => {
  const refresh = {
    kind: 'refresh',
    endpoint: TOKEN,
    clientId: 'client 1',
    client: { clientId: 'client 1', clientSecret: '' },
    refreshToken: 'r+1',
    scope: 'a b',
  }
  const form = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: 'r+1',
    client_id: 'client 1',
    scope: 'a b',
  })
  for (const name of ['one', 'two']) form.append('resource', `https://${name}.example/`)

  test('is known by URLSearchParams', () => {
    expect(requestKind(TOKEN, post(form))).toEqual(refresh)
    expect(requestKind(new URL(TOKEN), post(form))).toEqual(refresh)
  })

  test.each([
    ['an object', { 'Content-Type': `${FORM};charset=UTF-8` }],
    ['pairs', [['content-type', FORM]]],
    ['Headers', new Headers({ 'content-type': FORM })],
  ])('is known by an urlencoded string with the headers as %s', (_, headers) => {
    expect(requestKind(TOKEN, post(form.toString(), headers))).toEqual(refresh)
  })

  test('has its client from the Basic header where the body has none', () => {
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'r' })
    const basic = (user: string) => ({
      authorization: `Basic ${Buffer.from(`${user}:secret`).toString('base64')}`,
    })
    expect(requestKind(TOKEN, post(body, basic('client+1%3A2')))).toMatchObject({
      clientId: 'client 1:2',
    })
    expect(requestKind(TOKEN, post(body, basic('100%')))).toMatchObject({ clientId: '100%' })
    expect(requestKind(TOKEN, post(body, basic('')))).toMatchObject({ clientId: null })
    expect(requestKind(TOKEN, post(body))).toMatchObject({
      clientId: null,
      scope: null,
    })
  })

  test.each([
    ['as text of another type', post(form.toString(), { 'content-type': 'text/plain' })],
    ['as text of no type', post(form.toString())],
    ['as bytes', post(Buffer.from(form.toString()), { 'content-type': FORM })],
    ['by GET', { body: form }],
  ])('%s is left alone', (_, init) => {
    expect(requestKind(TOKEN, init)).toEqual({ kind: 'other' })
  })
})

test('a refresh that is bound to a DPoP key is known as such, and of other requests with DPoP the secret', () => {
  const proof = { DPoP: 'proof' }
  const refresh = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: 'r' })
  expect(requestKind(TOKEN, post(refresh, proof))).toEqual({
    ...requestKind(TOKEN, post(refresh)),
    kind: 'bound',
  })
  const code = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'c', code: 'x' })
  expect(requestKind(TOKEN, post(code, proof))).toEqual({ kind: 'secret' })
  expect(requestKind(TOKEN, post('{}', proof))).toEqual({ kind: 'other' })
})

test('a code exchange and an introspection are known, with their client', () => {
  const code = new URLSearchParams({ grant_type: 'authorization_code', client_id: 'c', code: 'x' })
  expect(requestKind(TOKEN, post(code))).toEqual({
    kind: 'code',
    endpoint: TOKEN,
    client: { clientId: 'c', clientSecret: '' },
  })
  const token = new URLSearchParams({ token: 'x' })
  const headers = { Authorization: `basic ${Buffer.from('c:s').toString('base64')}` }
  expect(requestKind(TOKEN, post(token, headers))).toEqual({
    kind: 'introspection',
    endpoint: TOKEN,
    client: { clientId: 'c', clientSecret: 's' },
  })
})

describe('the client that a request carries', () => {
  const clientOf = (form: string, authorization?: string) =>
    requestKind(
      TOKEN,
      post(
        new URLSearchParams(`grant_type=authorization_code&${form}`),
        authorization === undefined ? {} : { authorization },
      ),
    )
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString('base64')}`

  test.each<[string, string, string | undefined, object]>([
    ['a secret in the form', 'client_id=c&client_secret=s+1', undefined, { clientSecret: 's 1' }],
    ['Basic, form-urlencoded', '', basic('c:s%3A%2B'), { clientSecret: 's:+' }],
    ['Basic with a colon in the secret', '', basic('c:s:t'), { clientSecret: 's:t' }],
    ['Basic, and the same id in the form', 'client_id=c', basic('c:s'), { clientSecret: 's' }],
    ['an id alone', 'client_id=c', undefined, { clientSecret: '' }],
  ])('is read from %s', (_, form, authorization, secret) => {
    expect(clientOf(form, authorization)).toMatchObject({ client: { clientId: 'c', ...secret } })
  })

  test.each<[string, string, string | undefined]>([
    ['two ids', 'client_id=c&client_id=d', undefined],
    ['two secrets', 'client_id=c&client_secret=s&client_secret=t', undefined],
    ['an assertion', 'client_id=c&client_assertion=jwt', undefined],
    ['two ways to authenticate', 'client_id=c&client_secret=s', basic('c:s')],
    ['Basic of another id', 'client_id=c', basic('d:s')],
    ['a bearer token', 'client_id=c', 'Bearer x'],
    ['no client', '', undefined],
  ])('is none with %s', (_, form, authorization) => {
    expect(clientOf(form, authorization)).toMatchObject({ client: null })
  })
})

test.each([
  ['grant_type=client_credentials&client_id=c', 'secret'],
  ['grant_type=refresh_token', 'secret'],
  ['client_id=c&client_secret=s&redirect_uri=r', 'secret'],
  ['client_id=c&client_assertion=a', 'secret'],
  ['name=value', 'other'],
  ['', 'other'],
])('the form %s is of the kind %s', (form, kind) => {
  expect(requestKind(TOKEN, post(new URLSearchParams(form)))).toEqual({ kind })
})

test('an authorization request is known by its query, and the code challenge is not kept', () => {
  const url = 'https://auth.example/authorize?client_id=c&response_type=code&code_challenge=x'
  expect(requestKind(url, { method: 'GET', redirect: 'manual' })).toEqual({
    kind: 'authorization',
    endpoint: 'https://auth.example/authorize',
    client: { clientId: 'c', clientSecret: null },
  })
  expect(requestKind(`${url}&client_secret=x`, {})).toMatchObject({
    endpoint: 'https://auth.example/authorize?client_secret=x',
  })
  expect(requestKind('https://auth.example/authorize?client_id=c', {})).toEqual({ kind: 'other' })
})

test.each([
  ['https://auth.example/.well-known/oauth-authorization-server', 'metadata'],
  ['https://auth.example/.well-known/oauth-authorization-server/tenant', 'metadata'],
  ['https://auth.example/.well-known/openid-configuration', 'metadata'],
  ['https://auth.example/tenant/.well-known/openid-configuration', 'metadata'],
  ['https://auth.example/.well-known/openid-configurations', 'other'],
  ['https://mcp.example/.well-known/oauth-protected-resource', 'other'],
])('a GET of %s is %s', (url, kind) => {
  expect(requestKind(url, undefined)).toMatchObject({ kind })
  expect(requestKind(url, { method: 'POST' })).toEqual({ kind: 'other' })
})

describe('a registration', () => {
  const url = 'https://auth.example/register'
  const metadata = JSON.stringify({ redirect_uris: ['http://localhost/callback'] })

  test('is known by its metadata, with the headers that may authenticate it', () => {
    expect(requestKind(url, post(metadata))).toEqual({
      kind: 'registration',
      endpoint: url,
      metadata,
      headers: '[]',
    })
    const pairs: [string, string][] = [
      ['X-ATXP-TOKEN', 'account'],
      ['Authorization', 'Bearer initial'],
      ['Content-Type', 'application/json'],
    ]
    const headersOf = (headers: unknown) => requestKind(url, post(metadata, headers))
    const expected =
      '["[\\"authorization\\",\\"Bearer initial\\"]","[\\"x-atxp-token\\",\\"account\\"]"]'
    for (const headers of [pairs, Object.fromEntries(pairs), new Headers(pairs)]) {
      expect(headersOf(headers)).toMatchObject({ headers: expected })
    }
    for (const headers of ['text', [['x-a']], { 'x-a': 5 }, [null]]) {
      expect(headersOf(headers)).toMatchObject({ headers: null })
    }
  })

  test.each([
    ['a tool call that speaks of "redirect_uris"', { params: { redirect_uris: ['x'] } }],
    ['metadata without a list', { redirect_uris: 'x' }],
    ['a list of calls', [{ redirect_uris: ['x'] }]],
  ])('is not %s', (_, body) => {
    expect(requestKind(url, post(JSON.stringify(body)))).toEqual({ kind: 'other' })
  })

  test('is not text that only looks like it', () => {
    expect(requestKind(url, post('{"redirect_uris"'))).toEqual({ kind: 'other' })
  })
})

test('a Request is left alone', () => {
  const request = new Request(TOKEN, { method: 'POST', body: 'grant_type=refresh_token' })
  expect(requestKind(request, undefined)).toEqual({ kind: 'other' })
})

test('nothing makes it throw', () => {
  const anything = fc.anything({ withNullPrototype: true })
  const init = fc.record(
    {
      method: fc.oneof(fc.constantFrom('POST', 'get', null), anything),
      headers: anything,
      body: fc.oneof(
        anything,
        fc.string(),
        fc.webQueryParameters().map((query) => new URLSearchParams(query)),
        fc.constantFrom('{"redirect_uris":[]}', 'null "redirect_uris"'),
      ),
    },
    { requiredKeys: [] },
  )
  fc.assert(
    fc.property(fc.oneof(fc.webUrl(), anything), fc.oneof(init, anything), (url, init) => {
      expect(requestKind(url, init)).toHaveProperty('kind')
    }),
    { numRuns: 1_000 },
  )
})

test('a header is found whatever its case, and only as text', () => {
  expect(header({ AuthoriZation: 'x' }, 'authorization')).toBe('x')
  expect(header([['Authorization', 'x']], 'authorization')).toBe('x')
  expect(header([['Authorization', 5], 'junk', null], 'authorization')).toBeNull()
  expect(header(undefined, 'authorization')).toBeNull()
})
