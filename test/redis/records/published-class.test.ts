import { afterAll, beforeAll } from 'vitest'
import { describeConformance } from '../../support/conformance/describe-conformance.js'
import { PublishedOAuthDb } from '../../support/databases/published-oauth-db.mjs'
import { type RedisServer, startRedis } from '../../support/servers/redis-server.js'

let server: RedisServer

beforeAll(async () => {
  server = await startRedis()
})

afterAll(() => server.stop())

describeConformance('the published class', () => new PublishedOAuthDb({ redis: server.url }), {
  except: [
    // It writes the members that it knows.
    'returns a client registration as it was saved, unknown members included',
    'returns PKCE values as they were saved, unknown members included',
    'returns an access token as it was saved, unknown members included',
    // It never consumes PKCE values.
    'gives PKCE values to their first reader and to no later one',
    'gives PKCE values to exactly one of many concurrent readers',
    'gives PKCE values to exactly one of the concurrent readers of several handles',
    // It joins user and state, or URL, by a colon.
    'keeps the PKCE values of different users and states apart',
    'keeps the access tokens of different users and URLs apart',
    // It takes every expiry for seconds.
    'returns null for an access token whose expiry in milliseconds is past',
    // It ends a record with its access token, and the refresh token with it.
    'returns an access token that was saved as expired when it has a refresh token',
    'returns an access token that has expired since when it has a refresh token',
    // It deletes what it has found expired, whatever stands there by then.
    'a read of an expired access token does not remove the one that is saved meanwhile',
  ],
})
