import { createNameHash } from './crypto/name-hash.js'
import { RecordSealer } from './crypto/record-sealer.js'
import { TokenPlaces } from './flight/token-places.js'
import { DEFAULTS, optionName, type RedisOAuthDatabaseOptions, resolveOptions } from './options.js'
import { KeySpace } from './record/keys.js'
import { Commands } from './redis/commands.js'
import { borrow, connect } from './redis/connect.js'
import type { Connection } from './redis/connection.js'
import { Leases } from './redis/leases.js'
import type { Subscriber } from './redis/subscriber.js'
import { resolveTopology } from './redis/topology.js'
import { Coordination } from './store/coordination.js'
import { OAuthStore } from './store/oauth-store.js'
import { RefreshStore } from './store/refresh-store.js'
import { RegistrationStore } from './store/registration-store.js'
import { TokenStore } from './store/token-store.js'
import { Vault } from './store/vault.js'

/** The rooms of one database, put together. */
export interface Composition {
  readonly connection: Connection
  readonly subscriber: Subscriber
  readonly commands: Commands
  readonly keys: KeySpace
  readonly sealer: RecordSealer | undefined
  readonly tokens: TokenStore
  readonly records: OAuthStore
  readonly coordination: Coordination
}

/** @throws TypeError that names the option that is wrong and what it takes */
export function compose(options: RedisOAuthDatabaseOptions): Composition {
  const resolved = resolveOptions(options)
  const { client, keyPrefix, commandTimeout, encryption, hashKeys } = resolved
  if (hashKeys && !encryption) throw new TypeError('options.hashKeys needs options.encryption')
  const keys = new KeySpace(keyPrefix, hashKeys && createNameHash(hashKeys))
  const sealer = encryption && new RecordSealer(encryption)
  const { connection, subscriber } = client
    ? borrow(client, commandTimeout)
    : connect(resolveTopology(resolved, DEFAULTS, optionName), resolved)
  const commands = new Commands(connection)
  const vault = new Vault(commands, sealer)
  const places = new TokenPlaces()
  const records = new OAuthStore(keys, commands, vault, places, resolved)
  const coordination = new Coordination(
    new Leases(connection, subscriber, (name) => keys.lease(name)),
    records,
    new RefreshStore(keys, vault, records, resolved.refreshTokenTtl),
    new RegistrationStore(keys, commands, vault),
    places,
    resolved.registrationLeaseMs,
    (work) => connection.hold(work),
  )
  const tokens = new TokenStore(keys, commands, vault)
  return { connection, subscriber, commands, keys, sealer, tokens, records, coordination }
}
