import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { RESOURCE, tokenOf } from '../load/records.mjs'

const ALGORITHM = 'aes-256-gcm'
const KEY = createHash('sha256').update('bench').digest()
const NONCE_BYTES = 12
const TAG_BYTES = 16

const asItIs = (text) => text

/** What a user of upstream's two hooks writes: each secret field sealed by itself, as base64. */
function seal(text) {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, KEY, nonce)
  const sealed = Buffer.concat([nonce, cipher.update(text, 'utf8'), cipher.final()])
  return Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64')
}

function unseal(text) {
  const bytes = Buffer.from(text, 'base64')
  const end = bytes.length - TAG_BYTES
  const decipher = createDecipheriv(ALGORITHM, KEY, bytes.subarray(0, NONCE_BYTES))
  decipher.setAuthTag(bytes.subarray(end))
  return (
    decipher.update(bytes.subarray(NONCE_BYTES, end), undefined, 'utf8') + decipher.final('utf8')
  )
}

/** The published package's way, written afresh: a JSON record by `GET` and `SETEX`, one plain ioredis command each. */
export function open({ url, tls }, records, { isEncrypted } = {}) {
  const redis = new Redis(url, { tls })
  const [encrypt, decrypt] = isEncrypted ? [seal, unseal] : [asItIs, asItIs]
  const keyOf = (index) => `atxp:oauth:access:${records[index].user}:${RESOURCE}`
  return {
    async read(index) {
      const text = await redis.get(keyOf(index))
      if (text === null) return null
      const { accessToken, refreshToken, expiresAt, resourceUrl } = JSON.parse(text)
      if (expiresAt && expiresAt < Date.now()) {
        await redis.del(keyOf(index))
        return null
      }
      return {
        accessToken: decrypt(accessToken),
        refreshToken: refreshToken && decrypt(refreshToken),
        resourceUrl,
        expiresAt,
      }
    },
    async write(index, version) {
      const { accessToken, refreshToken, resourceUrl, expiresAt } = tokenOf(records[index], version)
      const text = JSON.stringify({
        accessToken: encrypt(accessToken),
        refreshToken: refreshToken && encrypt(refreshToken),
        resourceUrl,
        expiresAt,
      })
      const seconds = Math.max(1, Math.floor((expiresAt - Date.now()) / 1000))
      await redis.setex(keyOf(index), seconds, text)
    },
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => redis.quit(),
  }
}
