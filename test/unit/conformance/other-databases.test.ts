import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MemoryOAuthDb } from '@atxp/common'
import { afterAll, describe } from 'vitest'
import { describeConformance } from '../../support/conformance/describe-conformance.js'
import { SqliteOAuthDb } from '../../support/databases/sqlite-oauth-db.js'

const directory = mkdtempSync(join(tmpdir(), 'sqlite-oauth-db-'))
afterAll(() => rmSync(directory, { recursive: true }))

const logger = { debug() {}, info() {}, warn() {}, error() {} }

describe.concurrent('the suite over', () => {
  describeConformance("the SDK's MemoryOAuthDb", () => new MemoryOAuthDb({ logger }), {
    except: [
      // It never consumes PKCE values.
      'gives PKCE values to their first reader and to no later one',
      'gives PKCE values to exactly one of many concurrent readers',
      // It joins user and state, or URL, by a colon.
      'keeps the PKCE values of different users and states apart',
      'keeps the access tokens of different users and URLs apart',
      // It takes every expiry for milliseconds.
      'returns an access token whose expiry in seconds is to come, and the expiry unchanged',
      'returns an access token until it expires and null afterwards',
      // It deletes what has expired, with the refresh token.
      'returns an access token that was saved as expired when it has a refresh token',
      'returns an access token that has expired since when it has a refresh token',
      // It keeps and returns the caller's own objects.
      'an object that its owner changes later does not change in the database',
      // It is the memory of one process, and of one object in it.
      'returns through one handle what was saved through another',
      'returns through one handle what another replaced, after having read the old',
      'gives PKCE values to exactly one of the concurrent readers of several handles',
      'keeps its records when a handle is closed, and serves the others',
    ],
  })

  describeConformance('a SQLite database', () => new SqliteOAuthDb(join(directory, 'oauth.db')), {
    except: [
      // It has columns for the members that it knows.
      'returns a client registration as it was saved, unknown members included',
      'returns PKCE values as they were saved, unknown members included',
      'returns an access token as it was saved, unknown members included',
      // It keeps text as UTF-8, which has no lone surrogates.
      'keeps the PKCE values of different users and states apart',
      'keeps the access tokens of different users and URLs apart',
      // It takes every expiry for seconds.
      'returns null for an access token whose expiry in milliseconds is past',
      // It drops what has expired, with the refresh token.
      'returns an access token that was saved as expired when it has a refresh token',
      'returns an access token that has expired since when it has a refresh token',
    ],
  })
})
