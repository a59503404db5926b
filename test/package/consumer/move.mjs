import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { RedisOAuthDatabase } from '@atxp/redis'
import { exportRecords, importPublished, importRecords } from '@atxp/redis/admin'

// Node 22 warns that SQLite is new.
process.removeAllListeners('warning')

const plain = { secrets: 'plain' }
const from = RedisOAuthDatabase.fromEnv({ keyPrefix: `from ${process.pid}:` })
const to = RedisOAuthDatabase.fromEnv({ keyPrefix: `to ${process.pid}:` })
await from.storeToken('user_123', 'token_value', new Date('2099-01-01'))
const moved = await importRecords(to, exportRecords(from, plain), plain)
const expiresAt = await to.getTokenExpiry('user_123')

const TABLE =
  'CREATE TABLE oauth_access_tokens (user_id TEXT, url TEXT, resource_url TEXT, encrypted_access_token TEXT, ' +
  'encrypted_refresh_token TEXT, expires_at TEXT, PRIMARY KEY (user_id, url))'
const sqlite = join(tmpdir(), `atxp-redis-${process.pid}.db`)
// Not a literal: compilers do not know it.
const name = 'node:sqlite'
const driver = await import(name).catch(() => undefined)
if (driver === undefined) {
  writeFileSync(sqlite, '')
} else {
  const file = new driver.DatabaseSync(sqlite)
  file.exec(TABLE)
  file.exec("INSERT INTO oauth_access_tokens VALUES ('user', '', '', 'a', 'r', '4102444800')")
  file.close()
}
const imported = await importPublished(to, { sqlite }).then(
  ({ added }) => added === 1 && driver !== undefined,
  (error) => error instanceof TypeError && driver === undefined,
)
console.log(JSON.stringify({ moved, expiresAt, imported }))
await Promise.all([from.close(), to.close()])
