import { NearCache } from '../cache/near-cache.js'
import { createNameHash } from '../crypto/name-hash.js'
import { RecordSealer } from '../crypto/record-sealer.js'
import { DEFAULTS } from '../leaves/defaults.js'
import { publishUrlParameterIgnored } from '../leaves/diagnostics.js'
import { TokenPlaces } from '../oauth/places/token-places.js'
import { timingFor } from '../oauth/timing.js'
import { optionName } from '../options/names.js'
import type {
  CacheOptions,
  RedisOAuthDatabaseOptions,
  ResolvedOptions,
} from '../options/options.js'
import { resolveOptions } from '../options/rules.js'
import { KeySpace } from '../record/keys.js'
import type { RecordTtls } from '../record/lifetime.js'
import { resolveTopology } from '../redis/address/topology.js'
import type { Tracking } from '../redis/changes/tracking.js'
import { Commands } from '../redis/commands.js'
import { borrow, type Channels, connect } from '../redis/connect.js'
import { Durability } from '../redis/durability.js'
import { IndexCommands } from '../redis/index-commands.js'
import { Leases } from '../redis/leases.js'
import { type CallLayer, Coordination } from '../store/coordination.js'
import { OAuthStore } from '../store/oauth-store.js'
import { RefreshStore } from '../store/refresh-store.js'
import { RegistrationStore } from '../store/registration-store.js'
import { RestRecords } from '../store/rest-records.js'
import { TokenStore } from '../store/token-store.js'
import { ConditionalWrites } from '../store/vault/conditional-writes.js'
import { IndexedRecords } from '../store/vault/indexed-records.js'
import { PlainVault } from '../store/vault/plain-vault.js'
import { RecordWrites } from '../store/vault/record-writes.js'
import { SealedVault } from '../store/vault/sealed-vault.js'
import type { Vault } from '../store/vault/vault.js'

/** The rooms of one database, put together. */
export interface Composition extends Channels {
  readonly durability: Durability | undefined
  readonly tracking: Tracking | undefined
  readonly cache: NearCache | undefined
  readonly commands: Commands
  readonly keys: KeySpace
  readonly sealer: RecordSealer | undefined
  readonly tokens: TokenStore
  readonly records: OAuthStore
  readonly coordination: Coordination
  readonly indexed: IndexedRecords
  readonly vault: Vault
  readonly writes: RecordWrites
  readonly ttls: RecordTtls
  readonly rests: RestRecords
  readonly refreshes: RefreshStore
  readonly registrations: RegistrationStore
}

/**
 * @param layer - of the calls that begin below it: what a refresh has left to do, requests through a coordinated `fetch`
 * @throws TypeError that names the option that is wrong and what it takes
 */
export function compose(options: RedisOAuthDatabaseOptions, layer: CallLayer): Composition {
  const resolved = resolveOptions(options)
  const { client, keyPrefix, commandTimeout, encryption, hashKeys } = resolved
  const keys = new KeySpace(keyPrefix, hashKeys && createNameHash(hashKeys))
  const sealer = encryption && new RecordSealer(encryption)
  if (hashKeys) sealer?.refuseKeyOfNames(hashKeys)
  const channels = client ? borrow(client, resolved) : open(resolved)
  const { connection, subscriber } = channels
  const durability =
    resolved.durability &&
    new Durability({
      ...resolved.durability,
      server: connection.server,
      commandTimeout,
      carrierOf: (command) => connection.carrierOf(command),
      markerFor: (node) => channels.keyAt(node, keys.of('marker').redisKey),
      slotsMoved: () => channels.renewSlots(),
    })
  const cache = resolved.cache ? createCache(resolved.cache) : undefined
  const tracking = cache && channels.track(cache)
  const commands = new Commands(connection, durability, cache && ((key) => cache.drop(key)))
  const indexed = new IndexedRecords(keys, new IndexCommands(connection, commands), commandTimeout)
  const recordWrites = new RecordWrites(commands, indexed)
  const vault = sealer
    ? new SealedVault(keys, commands, recordWrites, sealer)
    : new PlainVault(commands, recordWrites)
  const writes = new ConditionalWrites(recordWrites, vault)
  const places = new TokenPlaces()
  const hearRecords = (): void => tracking?.listen(keys.cachedPrefixes)
  const records = new OAuthStore(
    keys,
    commands,
    indexed,
    vault,
    places,
    resolved,
    cache && {
      accessTokens: cache.shelf(hearRecords),
      clients: cache.shelf(hearRecords),
      skipsSaves: durability === undefined,
    },
  )
  const rests = new RestRecords(commands, (name) => keys.of('rest', name).redisKey)
  const refreshes = new RefreshStore(keys, vault, writes, resolved, connection)
  const registrations = new RegistrationStore(keys, commands, vault, writes)
  const coordination = new Coordination(
    new Leases(connection, subscriber, durability, (name) => ({
      lease: keys.of('lease', name).redisKey,
      mark: keys.of('spent', name).redisKey,
    })),
    records,
    refreshes,
    registrations,
    rests,
    places,
    timingFor(commandTimeout),
    resolved.registrationLeaseMs,
    layer,
  )
  // Tokens have no word of their own in their names, so who reads them hears of all that is under the prefix.
  const tokens = new TokenStore(
    keys,
    commands,
    vault,
    cache?.shelf(() => tracking?.listen([keys.prefix])),
  )
  return {
    ...channels,
    durability,
    tracking,
    cache,
    commands,
    keys,
    sealer,
    tokens,
    records,
    coordination,
    indexed,
    vault,
    writes: recordWrites,
    ttls: resolved,
    rests,
    refreshes,
    registrations,
  }
}

function open(options: ResolvedOptions): Channels {
  const topology = resolveTopology(options, DEFAULTS.database, optionName)
  for (const parameter of topology.ignored ?? []) publishUrlParameterIgnored(parameter)
  return connect(topology, options)
}

function createCache(options: true | CacheOptions): NearCache {
  const { maxEntries, maxBytes, maxAgeMs }: CacheOptions = options === true ? {} : options
  return new NearCache({
    maxEntries: maxEntries ?? DEFAULTS.cache.maxEntries,
    maxBytes: maxBytes ?? DEFAULTS.cache.maxBytes,
    maxAgeMs: maxAgeMs ?? DEFAULTS.cache.maxAgeMs,
  })
}
