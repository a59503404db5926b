import { isIP } from 'node:net'
import type { EncryptionOptions } from '../crypto/encryption-options.js'
import type { EncryptionKey } from '../crypto/keyring.js'
import type { HashKeysOptions } from '../crypto/name-hash.js'
import { MAX_TIMER_MS } from '../leaves/clock.js'
import type { ClusterOptions, SentinelOptions } from '../redis/address/place-options.js'
import type { Address } from '../redis/address/url.js'
import type { DurabilityOptions } from '../redis/durability.js'
import {
  type Check,
  type ChecksOf,
  integer,
  isObject,
  isRecord,
  list,
  members,
  secretText,
  text,
  value,
  wholeMembers,
} from './checks.js'
import type { CacheOptions } from './options.js'
import { tls } from './tls-rules.js'

// A hundred years: far, and far from the end of Redis' 64 bits.
export const MAX_TTL_MS: number = 100 * 365 * 24 * 60 * 60 * 1_000
const MAX_REPLICAS = 1_000
// A Map holds no more.
const MAX_CACHE_ENTRIES = 2 ** 24 - 1

export const host: Check = text(
  'a host name or IP address, without a scheme, a port or brackets',
  (name) => isIP(name) !== 0 || /^[^\s/@:?#,[\]\\]+$/.test(name),
)

export const port: Check = integer(1, 65_535)

const anything: Check = () => {}

const ADDRESS: ChecksOf<Address> = { host, port }
const address = wholeMembers('{ host, port }', ADDRESS)
const nodes = list('a list of { host, port }', address)

const SENTINEL: ChecksOf<SentinelOptions> = {
  name: text('what the Sentinels call the master', (name) => name !== ''),
  nodes,
  username: secretText('a string'),
  password: secretText('a string'),
  tls: (given, name) => {
    if (given !== false) tls(given, name)
  },
}

/** Its keys are not names of options: they are addresses. */
const natMap: Check = (given, name) => {
  isNatMap(given, name)
  for (const [from, to] of Object.entries(given as object)) {
    if (!/^[^@/]+:\d{1,5}$/.test(from)) {
      throw new TypeError(`${name} must lead from 'host:port' to { host, port }`)
    }
    address(to, `${name}['${from}']`)
  }
}

const isNatMap = value("an object from 'host:port' to { host, port }", isRecord)

const CLUSTER: ChecksOf<ClusterOptions> = { nodes, natMap }

const CACHE: ChecksOf<CacheOptions> = {
  maxEntries: integer(1, MAX_CACHE_ENTRIES),
  maxBytes: integer(1, Number.MAX_SAFE_INTEGER),
  maxAgeMs: integer(1, MAX_TTL_MS),
}

const DURABILITY: ChecksOf<DurabilityOptions> = {
  replicas: integer(1, MAX_REPLICAS),
  timeoutMs: integer(1, MAX_TIMER_MS),
}

const ENCRYPTION_KEY: ChecksOf<EncryptionKey> = { id: anything, key: anything }

// What their values are, the room of encryption says: it knows keys.
const ENCRYPTION: ChecksOf<EncryptionOptions> = {
  keys: (given, name) => {
    if (Array.isArray(given))
      list('', members('{ id, key }', ENCRYPTION_KEY, { isSecret: true }))(given, name)
  },
  seal: anything,
  open: anything,
  acceptPlaintext: anything,
  writePlaintext: anything,
  memoBytes: anything,
}

const HASH_KEYS: ChecksOf<HashKeysOptions> = { key: anything }

export const sentinel: Check = members('an object with name and nodes', SENTINEL)

export const cluster: Check = members('an object with nodes', CLUSTER)

const limits = members(
  'true, false, or an object of { maxEntries, maxBytes, maxAgeMs }, all integers from 1',
  CACHE,
)

export const cache: Check = (given, name) => {
  if (typeof given !== 'boolean') limits(given, name)
}

export const durability: Check = wholeMembers(
  'an object of { replicas, timeoutMs }, both integers from 1',
  DURABILITY,
)

const encryptionMembers = members('an object: { keys } or { seal, open }', ENCRYPTION, {
  isSecret: true,
})

/** An object of a class of the caller's, which seals, may have whatever other fields it needs. */
export const encryption: Check = (given, name) => {
  const isOfClass = isObject(given) && Object.getPrototypeOf(given) !== Object.prototype
  if (!isOfClass || Array.isArray(given)) encryptionMembers(given, name)
}

export const hashKeys: Check = members('an object: { key }', HASH_KEYS, { isSecret: true })
