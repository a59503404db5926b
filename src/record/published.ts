import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import type { FoundKey, KeySpace } from './keys.js'
import type { JsonKind, JsonRecords } from './kinds.js'

/** The layouts of `RedisOAuthDb` up to 0.11, by the word that their keys begin with behind the prefix, and the tables of `@atxp/sqlite`. */
export const LAYOUTS = {
  client_credentials: {
    kind: 'client',
    parts: ['url'],
    texts: ['encrypted_client_id', 'encrypted_client_secret', 'redirect_uri'],
  },
  pkce: {
    kind: 'pkce',
    parts: ['user', 'state'],
    texts: ['encrypted_code_verifier', 'encrypted_code_challenge', 'resource_url', 'url'],
  },
  access_token: {
    kind: 'access',
    parts: ['user', 'url'],
    texts: ['resource_url', 'encrypted_access_token'],
  },
} as const

export type PublishedLayout = keyof typeof LAYOUTS

const WORDS = Object.keys(LAYOUTS) as PublishedLayout[]

export function publishedKey(prefix: string, layout: PublishedLayout, ...parts: string[]): string {
  return `${prefix}${layout}:${parts.join(':')}`
}

/** @param rest - a Redis key behind its prefix */
export function layoutOf(rest: string): PublishedLayout | undefined {
  return WORDS.find((word) => rest.startsWith(word) && rest[word.length] === ':')
}

/** Whether a key that is a token's by its name may hold a record of the published class. */
export function mayBePublished({ prefix }: KeySpace, { kind, redisKey }: FoundKey): boolean {
  return kind === 'token' && layoutOf(redisKey.slice(prefix.length)) !== undefined
}

/** Whether it does: the published class has the same prefix. Such a record is nobody's token, and its owner still reads it. */
export function isPublished(keys: KeySpace, key: FoundKey, value: Buffer | string): boolean {
  if (!mayBePublished(keys, key)) return false
  const layout = layoutOf(key.redisKey.slice(keys.prefix.length)) as PublishedLayout
  return rowOf(layout, value.toString()) !== undefined
}

/** The members of a record as it stands; undefined if it is none. */
export function rowOf(layout: PublishedLayout, text: string): PublishedRow | undefined {
  let row: unknown
  try {
    row = JSON.parse(text)
  } catch {
    // The parser's message quotes the text.
    return undefined
  }
  return isRow(layout, row) ? row : undefined
}

/** Whether it has the members that a record of the layout cannot do without. */
export function isRow(layout: PublishedLayout, row: unknown): row is PublishedRow {
  const members: PublishedRow = Object(row)
  return LAYOUTS[layout].texts.every((name) => typeof members[name] === 'string')
}

/** A record or a row of a table, nothing of which is known to be what it should be. */
export interface PublishedRow {
  readonly encrypted_client_id?: unknown
  readonly encrypted_client_secret?: unknown
  readonly redirect_uri?: unknown
  readonly encrypted_code_verifier?: unknown
  readonly encrypted_code_challenge?: unknown
  readonly resource_url?: unknown
  readonly url?: unknown
  readonly encrypted_access_token?: unknown
  readonly encrypted_refresh_token?: unknown
  readonly expires_at?: unknown
}

/** Opens what `encrypt` of the published class made of one member. */
export type Decrypt = (text: string) => string | Promise<string>

type Decoded<L extends PublishedLayout> = JsonRecords[(typeof LAYOUTS)[L]['kind'] & JsonKind]

/** The record that `decodePublished` makes of a row. @throws RedisOAuthDatabaseError `UNREADABLE_RECORD`, whatever `decrypt` throws */
export async function decodePublished<L extends PublishedLayout>(
  layout: L,
  row: PublishedRow | undefined,
  decrypt: Decrypt,
): Promise<Decoded<L>> {
  if (row === undefined) throw unreadable()
  const open = async (name: keyof PublishedRow): Promise<string> => {
    const text = await decrypt(String(row[name]))
    if (typeof text !== 'string') throw new TypeError('decrypt must return a string')
    return text
  }
  try {
    return (await DECODERS[layout](row, open)) as Decoded<L>
  } catch {
    throw unreadable()
  }
}

type Decoder = (
  row: PublishedRow,
  open: (name: keyof PublishedRow) => Promise<string>,
) => Promise<object>

const DECODERS: Readonly<Record<PublishedLayout, Decoder>> = {
  client_credentials: async (row, open) => ({
    clientId: await open('encrypted_client_id'),
    clientSecret: await open('encrypted_client_secret'),
    redirectUri: row.redirect_uri,
  }),
  pkce: async (row, open) => ({
    codeVerifier: await open('encrypted_code_verifier'),
    codeChallenge: await open('encrypted_code_challenge'),
    resourceUrl: row.resource_url,
    url: row.url,
  }),
  access_token: async (row, open) => ({
    accessToken: await open('encrypted_access_token'),
    ...(row.encrypted_refresh_token
      ? { refreshToken: await open('encrypted_refresh_token') }
      : undefined),
    ...expiryOf(row.expires_at),
    resourceUrl: row.resource_url,
  }),
}

/** Whole seconds as text, or null. */
function expiryOf(text: unknown): { expiresAt?: number } {
  if (text === undefined || text === null || text === '') return {}
  const expiresAt = Number(text)
  if (!Number.isFinite(expiresAt)) throw unreadable()
  return { expiresAt }
}

function unreadable(): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'UNREADABLE_RECORD',
    'a record of RedisOAuthDb cannot be read: decrypt refused it, or it was damaged. Check decrypt; the record was not changed',
  )
}
