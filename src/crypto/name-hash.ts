import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import { RecentMap } from '../recent-map.js'
import { readSecretKey, type SecretKey } from './secret-key.js'

/** Hides users and URLs in the names of keys. */
export interface HashKeysOptions {
  /**
   * 32 random bytes, in the forms of an encryption key, and not one of them. Keep it for ever: with another one no record
   * is found under its name any more.
   */
  key: SecretKey
}

/** Part of a hash that stands in a name: 144 bits, which are 24 characters without a remainder. */
const NAME_BYTES = 18
/**
 * Makes the function that stands a hash in a part's place: the same for the same part, and not to be computed
 * or tried out without the key. HMAC-SHA-256 under a key that HKDF (RFC 5869) derives for this use alone.
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

/** Hashes are remembered, since users and servers come again and an HMAC costs more than all the rest of naming. */
export function rememberedNames(now?: () => number): RecentMap<string> {
  const bytesOf = (part: string, hash: string): number => 192 + 2 * (part.length + hash.length)
  return new RecentMap({ maxEntries: 4096, maxBytes: 2_097_152, maxAgeMs: 600_000, bytesOf }, now)
}
