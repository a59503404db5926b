import { describe, expect, it, vi } from 'vitest'
import { RedisOAuthDatabase, withOAuthDatabase } from '../../../src/index.js'

const oauthDatabase = new RedisOAuthDatabase()
const wire = withOAuthDatabase as (...args: unknown[]) => unknown

it('withOAuthDatabase takes a database of another copy of this package', async () => {
  vi.resetModules()
  const copy = await import('../../../src/index.js')
  expect(copy.RedisOAuthDatabase).not.toBe(RedisOAuthDatabase)
  expect(wire({ oauthDatabase: new copy.RedisOAuthDatabase() })).toHaveProperty('oAuthDb')
})

it.each<[string, object, boolean]>([
  ['a person is expected to log in without an account', {}, true],
  ['nobody is with one', { account: { accountId: 'base:0xabc' } }, false],
])('%s', (_, account, isInteractive) => {
  const sessions: unknown[] = []
  const noting = Object.assign(new RedisOAuthDatabase(), {
    coordinatedFetch: (_fetch: unknown, { session }: { session: unknown }) =>
      sessions.push(session),
  })
  wire({ mcpServer: 'https://browse.mcp.atxp.ai/', ...account, oauthDatabase: noting })
  expect(sessions).toHaveLength(3)
  for (const session of sessions) expect(session).toMatchObject({ isInteractive })
})

describe('withOAuthDatabase refuses', () => {
  it.each<[string, unknown[]]>([
    ['nothing', []],
    ['null', [null]],
    ['a database alone', [oauthDatabase]],
    ['a URL as the database', [{ oauthDatabase: 'redis://:hunter2@h' }]],
    ['the name that the SDK has', [{ oAuthDb: oauthDatabase }]],
  ])('%s, and says what it takes', (_, args) => {
    expect(() => wire(...args)).toThrow(
      new TypeError(
        'withOAuthDatabase takes the options of the SDK with a RedisOAuthDatabase as oauthDatabase: { ..., oauthDatabase: db }',
      ),
    )
  })

  it.each([
    [{ role: 'server' }, "role must be 'client' or 'resource-server'"],
    [{ rol: 'client' }, 'takes role, OAuthAuthenticationRequiredError, OAuthResourceClient only'],
    [null, 'takes role, OAuthAuthenticationRequiredError, OAuthResourceClient only'],
    ['client', 'takes role, OAuthAuthenticationRequiredError, OAuthResourceClient only'],
    [{ OAuthAuthenticationRequiredError: Error }, 'must be the class of @atxp/client'],
  ])('%j as its second argument', (wiring, message) => {
    expect(() => wire({ oauthDatabase }, wiring)).toThrow(message)
  })

  it('a fetch that is no function', () => {
    expect(() => wire({ oauthDatabase, fetchFn: 'fetch' })).toThrow(
      'coordinatedFetch takes a fetch function, or nothing for the global one',
    )
  })
})

describe('coordinatedFetch refuses', () => {
  const coordinate = oauthDatabase.coordinatedFetch.bind(oauthDatabase) as (
    ...args: unknown[]
  ) => unknown

  it.each<[unknown[], string]>([
    [['https://h'], 'takes a fetch function, or nothing for the global one'],
    [
      [undefined, { authorizeAgain: () => null }],
      'the only option of coordinatedFetch is authorizeAnew',
    ],
    [[undefined, null], 'the only option of coordinatedFetch is authorizeAnew'],
    [[undefined, { authorizeAnew: 'yes' }], 'options.authorizeAnew must be a function'],
  ])('%j', (args, message) => {
    expect(() => coordinate(...args)).toThrow(message)
  })
})
