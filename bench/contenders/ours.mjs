import { createHash } from 'node:crypto'
import { RedisOAuthDatabase } from '@atxp/redis'
import { RESOURCE, stampInText, textOf, tokenOf } from '../load/records.mjs'

// Of no use to anybody, and the same in every process.
const KEY = { id: 'bench', key: createHash('sha256').update('bench').digest() }
const EXPIRES_AT = new Date(Date.now() + 24 * 60 * 60 * 1000)

export function openDatabase({ url, tls }, { isEncrypted, memoBytes, ...options } = {}) {
  return new RedisOAuthDatabase({
    url,
    tls,
    ...(isEncrypted && { encryption: { keys: [KEY], memoBytes } }),
    ...options,
  })
}

/** As the SDK uses it. */
export function open(place, records, { isCoordinated, ...options } = {}) {
  const db = openDatabase(place, options)
  // From now on each read notes where its refresh token stands.
  if (isCoordinated) db.coordinatedFetch()
  return {
    read: (index) => db.getAccessToken(records[index].user, RESOURCE),
    write: (index, version) =>
      db.saveAccessToken(records[index].user, RESOURCE, tokenOf(records[index], version)),
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => db.close(),
  }
}

/** Through the token API, which keeps texts. */
export function openTexts(place, records, options) {
  const db = openDatabase(place, options)
  return {
    read: (index) => db.getToken(records[index].user),
    write: (index, version) =>
      db.storeToken(records[index].user, textOf(records[index], version), EXPIRES_AT),
    stampOf: (text) => stampInText(text ?? ''),
    tokenOf: JSON.parse,
    close: () => db.close(),
  }
}
