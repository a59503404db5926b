import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { RecentMap, weightOf } from '../leaves/recent-map.js'
import { readSecretKey, type SecretKey } from './secret-key.js'

/** Hides users and URLs in the names of keys. */
export interface HashKeysOptions {
  /**
   * 32 random bytes in any form of an encryption key, but not one of the encryption keys. Keep it for ever: with another key,
   * no record is found.
   * @example
   * ```ts compile-only
   * const { OAUTH_KEY_A = '', OAUTH_NAME_KEY = '' } = process.env
   *
   * const db = new RedisOAuthDatabase({
   *   encryption: { keys: [{ id: 'a', key: OAUTH_KEY_A }] },
   *   hashKeys: { key: OAUTH_NAME_KEY },
   * })
   * ```
   */
  key: SecretKey
}

/** How much of a hash stands in a name: 144 bits, exactly 24 characters of base64url. */
const NAME_BYTES = 18
/**
 * Makes the function that replaces a part of a name by its hash. Nobody can compute or guess the hash without the key. It is
 * HMAC-SHA-256 under a key that HKDF (RFC 5869) derives for this use alone.
 */
export function createNameHash(
  options: HashKeysOptions,
  remembered: RecentMap<string> = rememberedNames(),
): (part: string) => string {
  const { key } = Object(options) as Partial<HashKeysOptions>
  const secret = readSecretKey(key, 'hashKeys.key')
  const derived = createSecretKey(
    Buffer.from(hkdfSync('sha256', secret, '', 'atxp-redis key names', 32)),
  )
  return (part) => {
    const known = remembered.get(part)
    if (known !== undefined) return known
    const hash = createHmac('sha256', derived)
      .update(part)
      .digest()
      .toString('base64url', 0, NAME_BYTES)
    remembered.set(part, hash)
    return hash
  }
}

/** Hashes are remembered, because users and servers recur and an HMAC costs more than the rest of naming. */
export function rememberedNames(now?: () => number): RecentMap<string> {
  return new RecentMap<string>(
    { maxEntries: 4096, maxBytes: 2_097_152, maxAgeMs: 600_000, bytesOf: weightOf },
    now,
  )
}
