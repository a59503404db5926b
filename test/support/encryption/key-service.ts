import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { SealContext, Sealing } from '../../../src/index.js'

/** A key management service: it answers after a while, binds what it seals to a context, and can hang or fail. */
export class KeyService implements Sealing {
  readonly #key = randomBytes(32)
  /** What each call waits for before it answers. */
  before: (call: 'seal' | 'open') => Promise<unknown> = () => pause(Math.random() * 3)

  async seal(plaintext: Uint8Array, context: SealContext): Promise<Uint8Array> {
    await this.before('seal')
    const nonce = randomBytes(12)
    const cipher = createCipheriv('aes-256-gcm', this.#key, nonce)
    cipher.setAAD(Buffer.from(JSON.stringify(context)))
    const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
    return Buffer.concat([nonce, cipher.getAuthTag(), ciphertext])
  }

  async open(sealed: Uint8Array, context: SealContext): Promise<Uint8Array> {
    await this.before('open')
    const decipher = createDecipheriv('aes-256-gcm', this.#key, sealed.subarray(0, 12))
    decipher.setAAD(Buffer.from(JSON.stringify(context)))
    decipher.setAuthTag(sealed.subarray(12, 28))
    return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()])
  }
}
