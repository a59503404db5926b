import type { AccessToken } from '../leaves/contract.js'
import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import { type JsonKind, type JsonRecords, KINDS, type Kind } from './kinds.js'
import { type StoredToken, splitOrigin, type TokenOrigin, withOrigin } from './origin.js'

/**
 * How many characters authorization servers may make a record long, tokens apart: far more than honest ones need. Anyone can be
 * such a server, and has a client save something with each answer.
 */
export const MAX_LENGTH = 65_536

/** Whether what a server says is short enough to be kept. */
export function isShort(said: object, maxLength: number = MAX_LENGTH): boolean {
  try {
    return JSON.stringify(said).length <= maxLength
  } catch {
    // It nests too deeply.
    return false
  }
}

/**
 * The object as given, as JSON: members that a newer SDK adds survive the round trip.
 * @throws TypeError that calls the object `argument`
 */
export function encodeRecord<K extends JsonKind>(
  kind: K,
  argument: string,
  record: JsonRecords[K],
): string {
  const problem = problemOf(kind, record)
  if (problem !== undefined) throw new TypeError(`${argument}${problem}`)
  return JSON.stringify(record)
}

/**
 * Readers written by hand for the known members would save 0.3 µs of a call's 4 to 9 (`bench/record-cost.mjs`).
 * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD`: null would make the SDK register or authorize again and overwrite
 * what is there
 */
export function decodeRecord<K extends JsonKind>(kind: K, text: string): JsonRecords[K] {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    // The parser's message quotes the text.
    record = undefined
  }
  if (problemOf(kind, record) !== undefined) throw damagedRecord(kind)
  return record as JsonRecords[K]
}

/** As {@link encodeRecord}, with what callers do not see. */
export function encodeToken(argument: string, token: AccessToken, origin?: TokenOrigin): string {
  const problem = problemOf('access', token)
  if (problem !== undefined) throw new TypeError(`${argument}${problem}`)
  return JSON.stringify(withOrigin(token, origin))
}

/** As {@link decodeRecord}, with what callers do not see. */
export function decodeToken(text: string): StoredToken {
  const stored = splitOrigin(decodeRecord('access', text))
  if (stored === undefined) throw newerRecord()
  return stored
}

export function damagedRecord(kind: Kind): RedisOAuthDatabaseError {
  const { title = kind } = KINDS[kind]
  return new RedisOAuthDatabaseError(
    'UNREADABLE_RECORD',
    `the stored ${title} cannot be read: it was damaged, hashKeys was switched on or off, or something else writes here. ` +
      'It was not changed. npx atxp-redis find FINGERPRINT says whose it is and why',
  )
}

function newerRecord(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'UNREADABLE_RECORD',
    'the stored access token has the format of a newer @atxp/redis. Update this process; the record was not changed',
  )
}

function problemOf(kind: JsonKind, record: unknown): string | undefined {
  const { title, requires } = KINDS[kind]
  if (typeof record !== 'object' || record === null) return ` must be an object of ${title}`
  const members = record as Record<string, unknown>
  for (const member of requires) {
    const value = members[member]
    if (typeof value !== 'string' || value === '') return `.${member} must be a non-empty string`
  }
  const { refreshToken, resourceUrl, expiresAt } = members
  if (!isTextOrNone(refreshToken)) return '.refreshToken must be a string, or left out'
  if (!isTextOrNone(resourceUrl)) return '.resourceUrl must be a string, or left out'
  if (expiresAt !== undefined && expiresAt !== null && !Number.isFinite(expiresAt)) {
    return '.expiresAt must be a finite number, in seconds or milliseconds, or left out'
  }
  return undefined
}

function isTextOrNone(value: unknown): boolean {
  return typeof value === 'string' || value === undefined || value === null
}
