import { unreadableRecord } from '../leaves/errors.js'
import { decrypt, encryptInto, NONCE_BYTES, TAG_BYTES, writeNonce } from './aes-gcm.js'
import type { Keyring, SealingKey } from './keyring.js'
import type { SealContext, Sealing } from './sealing.js'

/**
 * The built-in sealing: AES-256-GCM under the keyring's active key.
 *
 * An envelope is the magic byte 0xFA, the version, the length of the key's id, the id, the nonce, the ciphertext and the
 * tag. Associated data, and so bound to it: version, key id, kind of record and Redis key.
 */
export class Envelope implements Sealing {
  readonly #keyring: Keyring

  constructor(keyring: Keyring) {
    this.#keyring = keyring
  }

  seal(plaintext: Buffer, context: SealContext): Buffer {
    const key = this.#keyring.active
    const nonceAt = key.header.length
    const bodyAt = nonceAt + NONCE_BYTES
    const sealed = Buffer.allocUnsafe(bodyAt + plaintext.length + TAG_BYTES)
    sealed.set(key.header)
    writeNonce(sealed, nonceAt)
    const nonce = sealed.subarray(nonceAt, bodyAt)
    encryptInto(sealed, bodyAt, key.secret, nonce, associatedData(key, context), plaintext)
    key.countSeal()
    return sealed
  }

  /** Throws `UNREADABLE_RECORD` for everything that this keyring has not sealed in this very context. */
  open(sealed: Buffer, context: SealContext): Buffer {
    const key = this.#keyring.keyOf(sealed)
    if (key === undefined) throw unreadableRecord()
    const nonceAt = key.header.length
    const bodyAt = nonceAt + NONCE_BYTES
    const tagAt = sealed.length - TAG_BYTES
    if (tagAt < bodyAt) throw unreadableRecord()
    const plaintext = decrypt(
      key.secret,
      sealed.subarray(nonceAt, bodyAt),
      associatedData(key, context),
      sealed.subarray(bodyAt, tagAt),
      sealed.subarray(tagAt),
    )
    if (plaintext === undefined) throw unreadableRecord()
    return plaintext
  }

  /** Whether the envelope names the active key. Says nothing about whether it can be opened. */
  isCurrent(sealed: Buffer): boolean {
    return this.#keyring.keyOf(sealed) === this.#keyring.active
  }
}

/** Id and kind are preceded by their lengths and the key comes last, so different contexts never make the same bytes. */
function associatedData(key: SealingKey, context: SealContext): Buffer {
  return Buffer.from(
    `${key.associatedPrefix}${context.kind.length}:${context.kind}${context.redisKey}`,
  )
}
