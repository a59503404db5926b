import type { UnixMs } from '../leaves/clock.js'
import type { AccessToken, ClientCredentials, PKCEValues } from '../leaves/contract.js'
import { accessTokenLifetime, type Lifetime, type RecordTtls } from './lifetime.js'

/** Every kind of record, and what its key names are made of. */
export interface NameParts {
  token: [key: string]
  access: [userId: string, url: string]
  /** The registration of this server as an OAuth client. */
  client: [serverUrl: string]
  /** The registration of this server as a resource server, which introspects tokens. */
  resource: [serverUrl: string]
  /** A registration of this server as a client of the MCP SDK. Named by issuer and redirect URL, with a space between. */
  mcp: [place: string]
  pkce: [userId: string, state: string]
  /** What the first read of PKCE values leaves behind. */
  consumed: [userId: string, state: string]
  /** Names a user's access tokens and PKCE values. */
  index: [userId: string]
  /** A lease, and the channel of its release. This name and the next four are SHA-256, since they may stand for secrets. */
  lease: [name: string]
  /** What the holder of the lease of this name is sending, and nobody else may send. */
  spent: [name: string]
  /** A failing authorization server that is left in peace. */
  rest: [name: string]
  /** The answer to a registration, for the processes that wait for it. */
  reply: [name: string]
  /** A client that its authorization server no longer knows. */
  refused: [name: string]
  /** The write that `WAIT` waits for. In a Cluster a hash tag follows the name. */
  marker: []
}

export type Kind = keyof NameParts

/** The role in which this server is registered. */
export type ClientRole = 'client' | 'resource' | 'mcp'

/** The kinds whose records are JSON of an object. */
export interface JsonRecords {
  access: AccessToken
  client: ClientCredentials
  resource: ClientCredentials
  mcp: ClientCredentials
  pkce: PKCEValues
}

export type JsonKind = keyof JsonRecords

/** The kinds of records that stand for themselves. All others serve coordination, or name these. */
export type LastingKind = 'token' | JsonKind

/** The kinds of records that `encryption` seals. */
export type SealedKind = LastingKind | 'reply'

interface Row<Parts extends readonly string[] = readonly string[]> {
  /** How errors call the parts of a name. A `userId` comes first and stands in a hash tag. */
  readonly parts: { readonly [I in keyof Parts]: string }
  /** How errors call the record, if not by its kind. */
  readonly title?: string
  /**
   * The kind that a sealed record is bound to, along with its key. It must never change, since stored records are bound to it.
   * Left out if the record is never sealed.
   */
  readonly sealedAs?: string
  /** Whether the record contains its name if key names are hashes, so that it can be listed and moved. */
  readonly holdsName?: true
  /** Whether the name stands in a hash tag: records of one name share a Cluster's slot. */
  readonly isTagged?: true
  /** Whether the index of the user names such records. */
  readonly isIndexed?: true
  /** Whether the near cache keeps such records, and so has all changes of their keys reported. */
  readonly isCached?: true
}

interface JsonRow<K extends JsonKind> extends Row<NameParts[K]> {
  readonly title: string
  /** Members that must be non-empty strings. */
  readonly requires: readonly string[]
  /** How long the record lives after a save. */
  lifetime(record: JsonRecords[K], ttls: RecordTtls, now: UnixMs): Lifetime
}

const CLIENT = {
  parts: ['serverUrl'],
  sealedAs: 'client',
  holdsName: true,
  isCached: true,
  title: 'client registration',
  requires: ['clientId'],
  lifetime: () => undefined,
} as const

/**
 * The table of record kinds, by the word after `~` in their key names. Tokens have no such word. Which format each kind has, and what a
 * process does with a newer one, is in docs/operations.md: a row that is added here is added there.
 */
export const KINDS: {
  readonly [K in Kind]: (K extends JsonKind ? JsonRow<K> : Row<NameParts[K]>) &
    (K extends SealedKind ? { readonly sealedAs: string } : { readonly sealedAs?: never })
} = {
  token: { parts: ['key'], sealedAs: 'token', holdsName: true },
  access: {
    parts: ['userId', 'url'],
    sealedAs: 'access',
    holdsName: true,
    isIndexed: true,
    isCached: true,
    title: 'access token',
    requires: ['accessToken'],
    lifetime: accessTokenLifetime,
  },
  client: CLIENT,
  resource: CLIENT,
  mcp: {
    parts: ['place'],
    sealedAs: 'mcp',
    holdsName: true,
    title: 'client registration',
    requires: ['clientId'],
    lifetime: () => undefined,
  },
  pkce: {
    parts: ['userId', 'state'],
    sealedAs: 'pkce',
    holdsName: true,
    isIndexed: true,
    title: 'PKCE values',
    requires: ['codeVerifier'],
    lifetime: (_, { pkceTtl }) => ({ ttlMs: pkceTtl }),
  },
  consumed: { parts: ['userId', 'state'] },
  index: { parts: ['userId'] },
  lease: { parts: ['name'], isTagged: true },
  spent: { parts: ['name'], isTagged: true },
  rest: { parts: ['name'] },
  reply: { parts: ['name'], sealedAs: 'reply' },
  refused: { parts: ['name'] },
  marker: { parts: [] },
}

/** How long a record of this kind lives after a save. */
export function lifetimeAfterSave<K extends JsonKind>(
  kind: K,
  record: JsonRecords[K],
  ttls: RecordTtls,
  now: UnixMs,
): Lifetime {
  const { lifetime } = KINDS[kind] as Pick<JsonRow<K>, 'lifetime'>
  return lifetime(record, ttls, now)
}

export function isSealedKind(kind: Kind): kind is SealedKind {
  return KINDS[kind].sealedAs !== undefined
}

export function isLastingKind(kind: Kind): kind is LastingKind {
  return KINDS[kind].holdsName === true
}

export function kindsWhere(predicate: (row: Row) => boolean): Kind[] {
  return (Object.keys(KINDS) as Kind[]).filter((kind) => predicate(KINDS[kind]))
}
