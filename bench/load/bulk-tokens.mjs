import { createHash } from 'node:crypto'

export const PREFIX = 'atxp:oauth:'

const FILLER = createHash('shake256', { outputLength: 225 }).update('token').digest('base64url')

export function keyOf(index) {
  return `user_${index}`
}

/** About 310 characters, that say whose they are. */
export function tokenOf(index) {
  return `${index}.${FILLER}`
}

/** Whether the token is that of this key. */
export function belongsTo(key, token) {
  return token.length > FILLER.length && token.startsWith(`${key.slice('user_'.length)}.`)
}

export function* makeEntries(count) {
  for (let index = 0; index < count; index += 1) yield { key: keyOf(index), token: tokenOf(index) }
}
