import type { AccessToken } from '../contract.js'
import type { RefreshRecords } from '../oauth/refresh.js'
import type { Place } from '../oauth/token-places.js'
import { decodeRecord, encodeRecord } from '../record/codec.js'
import type { KeySpace, RecordKey } from '../record/keys.js'
import type { Connection } from '../redis/connection/connection.js'
import type { ConditionalWrites } from './conditional-writes.js'
import type { Vault } from './vault.js'

/**
 * Access tokens as a coordinated refresh handles them: what it read may have been changed by a peer since, so every
 * write holds only if the very bytes that it read still stand there.
 */
export class RefreshStore implements RefreshRecords {
  readonly #keys: KeySpace
  readonly #vault: Vault
  readonly #writes: ConditionalWrites
  readonly #refreshTokenTtl: number
  readonly #connection: Pick<Connection, 'troubledAtMs'>

  constructor(
    keys: KeySpace,
    vault: Vault,
    writes: ConditionalWrites,
    refreshTokenTtl: number,
    connection: Pick<Connection, 'troubledAtMs'>,
  ) {
    this.#keys = keys
    this.#vault = vault
    this.#writes = writes
    this.#refreshTokenTtl = refreshTokenTtl
    this.#connection = connection
  }

  get troubledAtMs(): number {
    return this.#connection.troubledAtMs
  }

  async read(place: Place): Promise<AccessToken | null> {
    const text = await this.#vault.get(this.#key(place))
    return text === null ? null : decodeRecord('access', text)
  }

  async replace(
    place: Place,
    expected: string,
    token: AccessToken,
  ): Promise<'replaced' | 'superseded' | 'gone'> {
    const isMeant = (text: string): boolean => {
      const { accessToken, refreshToken } = decodeRecord('access', text)
      const isOwn = accessToken === token.accessToken && refreshToken === token.refreshToken
      return isOwn || refreshToken === expected
    }
    const outcome = await this.#writes.replaceIf(
      this.#key(place),
      isMeant,
      encodeRecord('access', 'token', token),
      { ttlMs: this.#refreshTokenTtl },
    )
    return outcome === 'done' ? 'replaced' : outcome
  }

  async remove(place: Place, refreshToken: string): Promise<boolean> {
    const isMeant = (text: string): boolean =>
      decodeRecord('access', text).refreshToken === refreshToken
    return (await this.#writes.deleteIf(this.#key(place), isMeant)) === 'done'
  }

  #key({ user, url }: Place): RecordKey {
    return this.#keys.of('access', user, url)
  }
}
