import { systemClock } from '../leaves/clock.js'
import type { AccessToken } from '../leaves/contract.js'
import { givesWay, type RefreshRecords, type Saved } from '../oauth/places/records.js'
import type { Place } from '../oauth/places/token-places.js'
import { decodeToken, encodeToken } from '../record/codec.js'
import { reading } from '../record/fingerprint.js'
import type { KeySpace, RecordKey } from '../record/keys.js'
import { KINDS } from '../record/kinds.js'
import type { RecordTtls } from '../record/lifetime.js'
import type { StoredToken, TokenOrigin } from '../record/origin.js'
import type { Connection } from '../redis/connection/connection.js'
import type { ConditionalWrites } from './vault/conditional-writes.js'
import type { Vault } from './vault/vault.js'

/**
 * Access tokens as a coordinated refresh handles them: what it read may have been changed by a peer since, so every
 * write holds only if the very bytes that it read still stand there.
 */
export class RefreshStore implements RefreshRecords {
  readonly #keys: KeySpace
  readonly #vault: Vault
  readonly #writes: ConditionalWrites
  readonly #ttls: RecordTtls
  readonly #connection: Pick<Connection, 'troubledAtMs'>

  constructor(
    keys: KeySpace,
    vault: Vault,
    writes: ConditionalWrites,
    ttls: RecordTtls,
    connection: Pick<Connection, 'troubledAtMs'>,
  ) {
    this.#keys = keys
    this.#vault = vault
    this.#writes = writes
    this.#ttls = ttls
    this.#connection = connection
  }

  get troubledAtMs(): number {
    return this.#connection.troubledAtMs
  }

  async read(place: Place): Promise<StoredToken | null> {
    const key = this.#key(place)
    const text = await this.#vault.get(key)
    return text === null ? null : reading(key, () => decodeToken(text))
  }

  async replace(
    place: Place,
    expected: AccessToken,
    token: AccessToken,
    origin: TokenOrigin,
  ): Promise<Saved> {
    const isMeant = (text: string): boolean => givesWay(decodeToken(text).token, expected, token)
    const outcome = await this.#writes.replaceIf(
      this.#key(place),
      isMeant,
      encodeToken('token', token, origin),
      KINDS.access.lifetime(token, this.#ttls, systemClock.now()),
    )
    return outcome === 'done' ? 'replaced' : outcome
  }

  async remove(place: Pick<Place, 'userId' | 'url'>, refreshToken: string): Promise<boolean> {
    const isMeant = (text: string): boolean => decodeToken(text).token.refreshToken === refreshToken
    return (await this.#writes.deleteIf(this.#key(place), isMeant)) === 'done'
  }

  #key({ userId, url }: Pick<Place, 'userId' | 'url'>): RecordKey {
    return this.#keys.of('access', userId, url)
  }
}
