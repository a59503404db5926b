import type { UnixMs } from '../clock.js'
import type { AccessToken, ClientCredentials, PKCEValues } from '../contract.js'
import { accessTokenLifetime, type Lifetime, type RecordTtls } from './lifetime.js'

/** Every kind of record, and what its key names are made of. */
export interface NameParts {
  token: [key: string]
  access: [userId: string, url: string]
  /** The registration of this server as an OAuth client. */
  client: [serverUrl: string]
  /** The registration of this server as a resource server, which introspects tokens. */
  resource: [serverUrl: string]
  pkce: [userId: string, state: string]
  /** What the first read of PKCE values leaves behind. */
  consumed: [userId: string, state: string]
  /** A lease, and the channel of its release. This name and the next two are SHA-256, since they may stand for secrets. */
  lease: [name: string]
  /** The answer to a registration, for the processes that wait for it. */
  reply: [name: string]
  /** A client that its authorization server no longer knows. */
  refused: [name: string]
  /** What `WAIT` waits for. In a Cluster a hash tag follows the name. */
  marker: []
}

export type Kind = keyof NameParts

/** As which of its roles this server is registered. */
export type ClientRole = 'client' | 'resource'

/** The kinds whose records are JSON of an object. */
export interface JsonRecords {
  access: AccessToken
  client: ClientCredentials
  resource: ClientCredentials
  pkce: PKCEValues
}

export type JsonKind = keyof JsonRecords

interface Row<Parts extends readonly string[] = readonly string[]> {
  /** What errors call the parts of a name. A `userId` comes first, and stands in a hash tag. */
  readonly parts: { readonly [I in keyof Parts]: string }
  /** What errors call the record, if not by its kind. */
  readonly title?: string
  /**
   * The kind that a sealed record is bound to, beside its key. Records at rest are bound to it, so it must never change. Left
   * out where nothing is sealed.
   */
  readonly sealedAs?: string
  /** Whether the record holds the last part of its name where key names are hashes, so that it can be listed. */
  readonly holdsName?: true
  /** Whether near caches keep such records, and so hear of every key that begins with the kind. */
  readonly isCached?: true
}

interface JsonRow<K extends JsonKind> extends Row<NameParts[K]> {
  readonly title: string
  /** Members that must be non-empty strings. */
  readonly requires: readonly string[]
  /** How long a save lets it live. */
  lifetime(record: JsonRecords[K], ttls: RecordTtls, now: UnixMs): Lifetime
}

const CLIENT = {
  parts: ['serverUrl'],
  sealedAs: 'client',
  isCached: true,
  title: 'client registration',
  requires: ['clientId'],
  lifetime: () => undefined,
} as const

/** The table of record kinds, by the word after `~` in their key names. Tokens have no such word. */
export const KINDS: {
  readonly [K in Kind]: K extends JsonKind ? JsonRow<K> : Row<NameParts[K]>
} = {
  token: { parts: ['key'], sealedAs: 'token', holdsName: true },
  access: {
    parts: ['userId', 'url'],
    sealedAs: 'access',
    holdsName: true,
    isCached: true,
    title: 'access token',
    requires: ['accessToken'],
    lifetime: accessTokenLifetime,
  },
  client: CLIENT,
  resource: CLIENT,
  pkce: {
    parts: ['userId', 'state'],
    sealedAs: 'pkce',
    title: 'PKCE values',
    requires: ['codeVerifier'],
    lifetime: (_, { pkceTtl }) => ({ ttlMs: pkceTtl }),
  },
  consumed: { parts: ['userId', 'state'] },
  lease: { parts: ['name'] },
  reply: { parts: ['name'], sealedAs: 'reply' },
  refused: { parts: ['name'] },
  marker: { parts: [] },
}

/** The kinds of which `isMeant` is true. */
export function kindsWhere(isMeant: (row: Row) => boolean): Kind[] {
  return (Object.keys(KINDS) as Kind[]).filter((kind) => isMeant(KINDS[kind]))
}
