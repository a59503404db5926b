import { MemoryOAuthDb } from '@atxp/common'
import { RESOURCE, tokenOf } from '../load/records.mjs'

const silent = () => {}
const logger = { debug: silent, info: silent, warn: silent, error: silent }

/** The SDK's own database, in the memory of one process. */
export function open(_place, records) {
  const db = new MemoryOAuthDb({ logger })
  return {
    read: (index) => db.getAccessToken(records[index].user, RESOURCE),
    write: (index, version) =>
      db.saveAccessToken(records[index].user, RESOURCE, tokenOf(records[index], version)),
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => db.close(),
  }
}

/** The limit: a `Map` whose key is at hand. */
export function openMap(_place, records) {
  const tokens = new Map()
  return {
    read: (index) => tokens.get(records[index].user),
    write: (index, version) => {
      tokens.set(records[index].user, tokenOf(records[index], version))
    },
    stampOf: (token) => token?.expiresAt,
    tokenOf: (token) => token,
    close: () => {},
  }
}
