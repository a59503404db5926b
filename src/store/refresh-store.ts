import type { AccessToken } from '../contract.js'
import type { RefreshRecords } from '../oauth/refresh.js'
import type { Place } from '../oauth/token-places.js'
import type { KeySpace } from '../record/keys.js'
import type { Connection } from '../redis/connection/connection.js'
import type { OAuthStore } from './oauth-store.js'
import type { Vault } from './vault.js'

/**
 * Access tokens as a coordinated refresh handles them: what it read may have been changed by a peer since, so every
 * write holds only if the very bytes that it read still stand there.
 */
export class RefreshStore implements RefreshRecords {
  readonly #keys: KeySpace
  readonly #vault: Vault
  readonly #records: OAuthStore
  readonly #refreshTokenTtl: number
  readonly #connection: Pick<Connection, 'troubledAtMs'>

  constructor(
    keys: KeySpace,
    vault: Vault,
    records: OAuthStore,
    refreshTokenTtl: number,
    connection: Pick<Connection, 'troubledAtMs'>,
  ) {
    this.#keys = keys
    this.#vault = vault
    this.#records = records
    this.#refreshTokenTtl = refreshTokenTtl
    this.#connection = connection
  }

  get troubledAtMs(): number {
    return this.#connection.troubledAtMs
  }

  async read({ user, url }: Place): Promise<AccessToken | null> {
    const text = await this.#vault.get('access', this.#keys.access(user, url))
    return text === null ? null : this.#records.decodeAccessToken(text)
  }

  async replace(
    { user, url }: Place,
    expected: string,
    token: AccessToken,
  ): Promise<'replaced' | 'superseded' | 'gone'> {
    const key = this.#keys.access(user, url)
    const sealed = await this.#vault.seal(
      'access',
      key,
      this.#records.encodeAccessToken(url, token),
    )
    // Each round that does not end was overtaken by a peer's write.
    for (;;) {
      const standing = await this.#vault.read('access', key)
      if (standing === null) return 'gone'
      const { accessToken, refreshToken } = this.#records.decodeAccessToken(standing.text)
      const isOwn = accessToken === token.accessToken && refreshToken === token.refreshToken
      if (!isOwn && refreshToken !== expected) return 'superseded'
      if (await this.#vault.replace(key, standing.raw, sealed, this.#refreshTokenTtl))
        return 'replaced'
    }
  }

  async remove({ user, url }: Place, refreshToken: string): Promise<boolean> {
    const key = this.#keys.access(user, url)
    for (;;) {
      const standing = await this.#vault.read('access', key)
      if (standing === null) return false
      if (this.#records.decodeAccessToken(standing.text).refreshToken !== refreshToken) return false
      if (await this.#vault.remove(key, standing.raw)) return true
    }
  }
}
