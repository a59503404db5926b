import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
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
/** Names that are remembered, since users and servers come again and an HMAC costs more than all the rest of naming. */
const MAX_REMEMBERED = 4096

/**
 * Makes the function that stands a hash in a part's place: the same for the same part, and not to be computed
 * or tried out without the key. HMAC-SHA-256 under a key that HKDF (RFC 5869) derives for this use alone.
 */
export function createNameHash(options: HashKeysOptions): (part: string) => string {
  const { key } = Object(options) as Partial<HashKeysOptions>
  const secret = readSecretKey(key, 'hashKeys.key')
  const derived = createSecretKey(
    Buffer.from(hkdfSync('sha256', secret, '', 'atxp-redis key names', 32)),
  )
  const remembered = new Map<string, string>()
  return (part) => {
    const known = remembered.get(part)
    if (known !== undefined) return known
    const hash = createHmac('sha256', derived)
      .update(part)
      .digest()
      .toString('base64url', 0, NAME_BYTES)
    if (remembered.size === MAX_REMEMBERED) remembered.clear()
    remembered.set(part, hash)
    return hash
  }
}
