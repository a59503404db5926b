import type { AccessToken, ClientCredentials, PKCEValues } from '../contract.js'
import { RedisOAuthDatabaseError } from '../errors.js'

/** The records of the `OAuthDb` interface, each with the members that it cannot be without. */
interface Records {
  'access token': AccessToken
  'client registration': ClientCredentials
  'PKCE values': PKCEValues
}

export type RecordKind = keyof Records

const REQUIRED: { readonly [K in RecordKind]: readonly string[] } = {
  'access token': ['accessToken'],
  'client registration': ['clientId'],
  'PKCE values': ['codeVerifier'],
}

/**
 * The object as given, as JSON: members that a newer SDK adds survive the round trip.
 * @throws TypeError that calls the object `argument`
 */
export function encodeRecord<K extends RecordKind>(
  kind: K,
  argument: string,
  record: Records[K],
): string {
  const problem = problemOf(kind, record)
  if (problem !== undefined) throw new TypeError(`${argument}${problem}`)
  return JSON.stringify(record)
}

/**
 * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD`: null would make the SDK register or authorize again and overwrite
 * what is there
 */
export function decodeRecord<K extends RecordKind>(kind: K, text: string): Records[K] {
  let record: unknown
  try {
    record = JSON.parse(text)
  } catch {
    // The parser's message quotes the text.
    record = undefined
  }
  if (problemOf(kind, record) !== undefined) {
    throw new RedisOAuthDatabaseError(
      'UNREADABLE_RECORD',
      `The stored ${kind} cannot be read: it was damaged, or something else writes under this keyPrefix. ` +
        'Delete the record to start anew',
    )
  }
  return record as Records[K]
}

function problemOf(kind: RecordKind, record: unknown): string | undefined {
  if (typeof record !== 'object' || record === null) return ` must be an object of ${kind}`
  const members = record as Record<string, unknown>
  for (const member of REQUIRED[kind]) {
    const value = members[member]
    if (typeof value !== 'string' || value === '') return `.${member} must be a non-empty string`
  }
  const { expiresAt } = members
  if (expiresAt !== undefined && expiresAt !== null && !Number.isFinite(expiresAt)) {
    return '.expiresAt must be a finite number, in seconds or milliseconds, or left out'
  }
  return undefined
}
