import { exportRecords } from '../../../src/admin.js'
import { operationsOf } from '../../../src/database/operations-of.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'

export const URL = 'https://server.example/mcp'
export const ISSUER = 'https://auth.example'
/** Stands in every token and secret. */
export const SECRET = 's3cr3t'
const HOUR_MS = 3_600_000
const CALLBACK = 'https://app.example/callback'

/** Records of every kind, under odd names and with odd texts. */
export async function saveEveryRecord(db: RedisOAuthDatabase): Promise<void> {
  const ms = Date.now() + HOUR_MS
  const users = ['alice', '', '%', 'a}b', '{a}', 'base:0xabc', 'é', '~index:{x}']
  const client = { clientId: 'id', clientSecret: SECRET, redirectUri: CALLBACK, added: [1e21] }
  const token = { accessToken: `${SECRET}-a`, refreshToken: `${SECRET}-r`, resourceUrl: URL }
  await Promise.all([
    db.storeToken('user_123', `${SECRET} \u{1f511} "\n`),
    db.storeToken('~tilde', SECRET, new Date(ms + 1)),
    db.storeToken('access_token:alice:https://server.example', SECRET),
    db.saveClientCredentials(ISSUER, client),
    db.saveClientCredentials(`${ISSUER}/é`, client),
    db.forResourceServer().saveClientCredentials(ISSUER, { ...client, clientId: 'rs' }),
    saveMcpClient(db, { ...client, information: { client_id: 'id' } }),
    ...users.flatMap((user) => [
      db.saveAccessToken(user, URL, { ...token, expiresAt: ms / 1_000, scope: 'a' } as never),
      db.saveAccessToken(user, '', { accessToken: SECRET, resourceUrl: '', expiresAt: ms + 7 }),
      db.savePKCEValues(user, 'state', {
        codeVerifier: SECRET,
        codeChallenge: 'c',
        resourceUrl: URL,
        url: URL,
      }),
    ]),
  ])
}

/** As the provider for the MCP SDK does, which speaks to no server here. */
function saveMcpClient(db: RedisOAuthDatabase, registration: object): Promise<void> {
  return operationsOf(db).run('save', ({ keys, vault }) =>
    vault.set(keys.of('mcp', `${ISSUER} ${CALLBACK}`), JSON.stringify(registration)),
  )
}

export const EVERY_RECORD = 7 + 8 * 3

export async function textOf(source: AsyncIterable<string>): Promise<string> {
  return (await collect(source)).join('')
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of source) found.push(one)
  return found
}

/** Of an export with plain secrets. */
export const HEADER = { format: '@atxp/redis records', version: 1, secrets: 'plain' }

/** Bytes and texts as they are, all else as JSON. */
export function ndjsonBytes(lines: readonly unknown[]): Buffer {
  return Buffer.concat(
    lines.flatMap((line) => {
      if (Buffer.isBuffer(line)) return [line, Buffer.from('\n')]
      const text = typeof line === 'string' ? line : JSON.stringify(line)
      return [Buffer.from(`${text}\n`)]
    }),
  )
}

export function ndjson(...lines: unknown[]): string {
  return ndjsonBytes(lines).toString()
}

/** What the database holds: kinds, names, texts, expiries to the millisecond. */
export async function recordsOf(db: RedisOAuthDatabase): Promise<string[]> {
  const lines = (await textOf(exportRecords(db, { secrets: 'plain' }))).trimEnd().split('\n')
  return lines.slice(1, -1).sort()
}
