import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { DEFAULTS } from '../../../src/leaves/defaults.js'

const DOCUMENTED = /@defaultValue `([^`]*)`(?:(?!\*\/)[\s\S])*\*\/\n\s*(?:readonly )?(\w+)\?:/g

/** What the comments of an interface name as its defaults. */
function documented(file: string, name: string): Record<string, unknown> {
  const source = readFileSync(new URL(`../../../src/${file}`, import.meta.url), 'utf8')
  const [, members = ''] =
    new RegExp(`interface ${name}(?:<T>)? \\{([\\s\\S]*?)\\n\\}`).exec(source) ?? []
  return Object.fromEntries(
    [...members.matchAll(DOCUMENTED)].map(([, value = '', option = '']) => [
      option,
      value.startsWith("'") ? value.slice(1, -1) : JSON.parse(value),
    ]),
  )
}

test.each([
  ['database', 'RedisOAuthDatabaseOptions', 'options/options.ts'],
  ['cache', 'CacheOptions', 'options/options.ts'],
  ['encryption', 'SharedEncryptionOptions', 'crypto/encryption-options.ts'],
  ['flight', 'FlightOptions', 'flight/single-flight.ts'],
  ['close', 'CloseOptions', 'database/operations.ts'],
  ['ready', 'ReadyOptions', 'redis/readiness.ts'],
  ['metrics', 'StartMetricsOptions', 'metrics/start.ts'],
  ['export', 'ExportOptions', 'admin/transfer/export.ts'],
  ['import', 'ImportOptions', 'admin/transfer/import.ts'],
] as const)('the defaults of %s stand in the comments of %s as they are', (part, name, file) => {
  expect(documented(file, name)).toEqual(DEFAULTS[part])
})

test('the defaults of what the published class has left are the same wherever they are named', () => {
  const { published, import: imports, database } = DEFAULTS
  const options = documented('admin/published/import-published.ts', 'ImportPublishedOptions')
  expect(options).toEqual({ ...published, overwrite: imports.overwrite })
  expect(documented('options/published-class.ts', 'RedisOAuthDbOptions')).toEqual({
    ...published,
    defaultTtl: database.accessTokenTtl / 1_000,
  })
})

test('the defaults of the database are those of the reference', () => {
  expect(DEFAULTS.database).toMatchObject({
    host: 'localhost',
    port: 6379,
    db: 0,
    keyPrefix: 'atxp:oauth:',
    connectionTimeout: 10_000,
    retryDelayOnFailover: 100,
    maxRetriesPerRequest: 3,
  })
})
