import { access } from 'node:fs/promises'
import { isRow, type PublishedLayout, type PublishedRow } from '../../record/published.js'
import type { PublishedEntry } from './source.js'

/** What `node:sqlite`, `better-sqlite3` and `libsql` have in common. */
interface SqliteDatabase {
  prepare(sql: string): { all(...parameters: unknown[]): unknown[] }
  close(): void
}

const TABLES: Readonly<Record<PublishedLayout, { table: string; names: readonly string[] }>> = {
  client_credentials: { table: 'oauth_client_credentials', names: ['resource_url'] },
  pkce: { table: 'oauth_pkce_values', names: ['user_id', 'state'] },
  access_token: { table: 'oauth_access_tokens', names: ['user_id', 'url'] },
}
const PAGE = 1_000

// Not literals, and ignored by webpack: compilers and bundlers must not look for what old versions of Node, and most applications,
// do not have.
const [OF_NODE, BETTER]: string[] = ['node:sqlite', 'better-sqlite3']

/** What opens a file of SQLite to be read. @throws TypeError where nothing does */
export async function openSqlite(file: string): Promise<SqliteDatabase> {
  const ofNode = await load(OF_NODE)
  // Some drivers make a file that is not there.
  await access(file)
  if (ofNode !== undefined) return new ofNode.DatabaseSync(file, { readOnly: true })
  const better = await load(BETTER)
  if (better !== undefined) return new better.default(file, { readonly: true, fileMustExist: true })
  throw new TypeError(
    'options.sqlite needs Node 22.13 or later, or the package better-sqlite3: install it beside @atxp/redis',
  )
}

// biome-ignore lint/suspicious/noExplicitAny: modules whose types are not here
async function load(name = ''): Promise<any> {
  try {
    return await import(/* webpackIgnore: true */ name)
  } catch {
    return undefined
  }
}

/** What a file of `@atxp/sqlite` holds in one layout, a page at a time. */
export async function* entriesInSqlite(
  db: SqliteDatabase,
  layout: PublishedLayout,
): AsyncGenerator<PublishedEntry[], void, undefined> {
  const { table, names } = TABLES[layout]
  const found = db.prepare("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?")
  if (found.all(table).length === 0) return
  const page = db.prepare(
    `SELECT rowid AS "row id", * FROM ${table} WHERE rowid > ? ORDER BY rowid LIMIT ${PAGE}`,
  )
  let last: unknown = -1
  for (;;) {
    const rows = page.all(last) as (PublishedRow & Record<string, unknown>)[]
    if (rows.length === 0) return
    last = rows.at(-1)?.['row id']
    yield rows.map((row) => {
      const [first = '', second = ''] = names.map((name) => String(row[name] ?? ''))
      return {
        key: [table, ...names.map((name) => String(row[name] ?? ''))].join(' '),
        names: [first, second],
        row: isRow(layout, row) ? row : undefined,
        expiresAt: null,
      }
    })
  }
}
