import { isRecord } from './checks.js'
import { type NameOfOption, optionName } from './names.js'
import type { OptionName, RedisOAuthDatabaseOptions } from './options.js'
import { checkIsOptions, resolveOptions } from './rules.js'

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

type Variable = keyof typeof ENV_NAMES

/** They belong to the place that the variables name, and no secret of it goes to another. */
const OF_THE_PLACE: ReadonlySet<string> = new Set<Variable>([
  'url',
  'host',
  'port',
  'username',
  'password',
  'db',
])

const LOGIN: ReadonlySet<string> = new Set<Variable>(['username', 'password'])

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

export interface EnvOptions {
  /** Those of the code, and those of variables that the code leaves open. */
  readonly options: RedisOAuthDatabaseOptions
  /** Calls an option by its variable where it came from there. */
  readonly nameOf: NameOfOption
}

export type Env = Readonly<Record<string, string | undefined>>

/** The variable's text, or undefined where it is unset or empty. */
function variable(env: Env, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

/**
 * Options from environment variables. One that is unset or empty counts as left out.
 * @param given - what stands in the code, and wins
 * @param keysOf - reads the keys, beside those of the code
 * @throws TypeError that names the variable, or the option, and what it takes
 */
export function optionsFromEnv(
  env: Env,
  given: RedisOAuthDatabaseOptions = {},
  keysOf: (env: Env, given: RedisOAuthDatabaseOptions) => RedisOAuthDatabaseOptions = () => ({}),
): EnvOptions {
  checkIsOptions(given)
  if (!isRecord(env)) {
    throw new TypeError('env must be an object of environment variables, as process.env is')
  }
  const inCode: RedisOAuthDatabaseOptions = {
    ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
    ...keysOf(env, given),
  }
  const isPlaced = saysWhere(inCode)
  const fromEnv: Partial<Record<OptionName, string | number>> = {}
  for (const option of Object.keys(ENV_NAMES) as Variable[]) {
    const value = variable(env, ENV_NAMES[option])
    if (value === undefined || inCode[option] !== undefined) continue
    if (isPlaced && OF_THE_PLACE.has(option)) continue
    if (inCode.credentials !== undefined && LOGIN.has(option)) continue
    const isNumber = (option === 'port' || option === 'db') && /^\d+$/.test(value)
    fromEnv[option] = isNumber ? Number(value) : value
  }
  const options = { ...fromEnv, ...inCode } as RedisOAuthDatabaseOptions
  const nameOf: NameOfOption = (option) =>
    option in fromEnv ? ENV_NAMES[option as Variable] : optionName(option)
  resolveOptions(options, nameOf)
  return { options, nameOf }
}
