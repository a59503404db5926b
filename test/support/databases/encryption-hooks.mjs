import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'

/**
 * What a user of the published class gives it: functions from text to text.
 * @param {string} secret
 */
export function encryptionHooks(secret) {
  const key = createHash('sha256').update(secret).digest()
  return {
    /** @param {string} text */
    encrypt(text) {
      const nonce = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', key, nonce)
      const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), body]).toString('base64')
    },
    /** @param {string} text */
    decrypt(text) {
      const bytes = Buffer.from(text, 'base64')
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12))
      decipher.setAuthTag(bytes.subarray(12, 28))
      return decipher.update(bytes.subarray(28), undefined, 'utf8') + decipher.final('utf8')
    },
  }
}
