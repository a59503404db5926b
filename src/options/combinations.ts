import type { NameOfOption } from './names.js'
import type { OptionName, RedisOAuthDatabaseOptions } from './options.js'

/** What a client of the caller's has decided already. */
const DECIDED_BY_CLIENT: readonly OptionName[] = [
  'url',
  'host',
  'port',
  'path',
  'username',
  'password',
  'db',
  'tls',
  'credentials',
  'sentinel',
  'cluster',
  'connectionTimeout',
  'retryDelayOnFailover',
  'maxRetriesPerRequest',
]

/**
 * Refuses options of which one makes the other mean nothing. What says where Redis is, `resolveTopology` compares.
 * @throws TypeError that names both
 */
export function refuseMeaningless(options: RedisOAuthDatabaseOptions, nameOf: NameOfOption): void {
  const { client, encryption, hashKeys } = options
  const idle = DECIDED_BY_CLIENT.find((name) => options[name] !== undefined)
  if (client !== undefined && idle !== undefined) {
    throw new TypeError(
      `${nameOf(idle)} means nothing beside ${nameOf('client')}, which connects by its own options: leave one of them out`,
    )
  }
  if (hashKeys !== undefined && encryption === undefined) {
    throw new TypeError(`${nameOf('hashKeys')} needs ${nameOf('encryption')}`)
  }
}
