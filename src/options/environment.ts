import type { OptionName, RedisOAuthDatabaseOptions } from './options.js'
import { type NameOfOption, optionName, resolveOptions } from './rules.js'

/** The environment variables that {@link optionsFromEnv} reads, by option. */
export const ENV_NAMES = {
  url: 'REDIS_URL',
  host: 'REDIS_HOST',
  port: 'REDIS_PORT',
  username: 'REDIS_USERNAME',
  password: 'REDIS_PASSWORD',
  db: 'REDIS_DB',
  keyPrefix: 'REDIS_KEY_PREFIX',
} as const

/** Calls an option by its variable where it has one: what {@link resolveOptions} then names in its errors. */
export const nameOfVariable: NameOfOption = (option) =>
  (ENV_NAMES as Readonly<Record<string, string>>)[option] ?? optionName(option)

/** What says where Redis is: given in the code, it displaces all variables that do. */
const PLACES: readonly OptionName[] = ['url', 'host', 'port', 'path', 'client']

/** Of Sentinel and Cluster only the nodes: a password or a `natMap` belongs beside a URL. */
function saysWhere({
  url,
  host,
  path,
  client,
  sentinel,
  cluster,
}: RedisOAuthDatabaseOptions): boolean {
  return [url, host, path, client, sentinel?.nodes, cluster?.nodes].some(
    (place) => place !== undefined,
  )
}

/**
 * Options from environment variables. One that is unset or empty counts as left out.
 * @param given - what stands in the code, and wins
 * @throws TypeError that names the variable and what it takes
 */
export function optionsFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  given: RedisOAuthDatabaseOptions = {},
): RedisOAuthDatabaseOptions {
  const isPlaced = saysWhere(given)
  const options: Record<string, string | number> = {}
  for (const [option, variable] of Object.entries(ENV_NAMES)) {
    const value = env[variable]
    if (value === undefined || value === '') continue
    if (isPlaced && PLACES.includes(option as OptionName)) continue
    const isNumber = (option === 'port' || option === 'db') && /^\d+$/.test(value)
    options[option] = isNumber ? Number(value) : value
  }
  resolveOptions(options, nameOfVariable)
  return options
}
