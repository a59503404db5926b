import { fingerprint } from '../../flight/fingerprint.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'
import type { Answer } from '../http/answers.js'
import { readJson } from '../http/bounded-request.js'
import type { ReadIssuers } from './read-issuers.js'

/** The members of an authorization server's metadata that name its endpoints (RFC 8414 section 2). */
const ENDPOINT_MEMBERS = {
  token: 'token_endpoint',
  registration: 'registration_endpoint',
  authorization: 'authorization_endpoint',
  introspection: 'introspection_endpoint',
  revocation: 'revocation_endpoint',
} as const

export type EndpointKind = keyof typeof ENDPOINT_MEMBERS

/** Who issued tokens, and where. */
export interface IssuedBy {
  readonly issuer: string
  readonly endpoint: string
}

/** What is known of where a record's tokens came from. */
export interface RecordOrigin {
  readonly issuer?: string | undefined
  readonly endpoint?: string | undefined
}

interface Metadata {
  readonly issuer: string
  /** Endpoints are held by hash: their query may hold anything. */
  readonly endpoints: ReadonlyMap<EndpointKind, string>
}

/** Whose documents named an endpoint. Two of a kind are kept: more make it no less contested. */
interface Claim {
  /** Of the endpoint's own origin. */
  readonly own: readonly string[]
  readonly foreign: readonly string[]
}

const MAX_URL_LENGTH = 2_048
const MAX_ISSUERS = 2_000
const MAX_ENDPOINTS = 10_000
const MAX_TOKENS = 10_000
const TOKEN_AGE_MS = 600_000
/** Counted from when it was read or asked for last. */
const DOCUMENT_MS = 86_400_000
/** As {@link DOCUMENT_MS}, and longer: a document whose rivals may be forgotten is forgotten too, and so owns nothing. */
const CLAIM_MS = 30 * DOCUMENT_MS
/** Of a hash with what belongs to it. */
const HASH_BYTES = 256
/** More than so many issuers and endpoints weigh. */
const MAX_BYTES = 14 * 1024 * 1024
const MAX_TURNS = 8

/**
 * Which authorization server an endpoint belongs to. This is the boundary between servers that nobody vouches for: what is
 * shared, remembered, forgotten or refused is so for one issuer.
 *
 * It is learned from the metadata that clients fetch. A document counts if it was found at its own issuer's well-known URL (RFC
 * 8414 section 3.3), so a server can say what it likes of itself and nothing of others. It may name the endpoints of
 * others as its own. What two issuers name belongs to the one of the endpoint's origin, or to nobody. A claim is never taken
 * back: a client may still use a document that its server has changed since. And none is forgotten to make room: where there is none, a
 * new document only contests what others name, and its issuer is unknown. Else whoever publishes enough documents could have others
 * forgotten.
 */
export class Issuers {
  readonly #documents = new RecentMap<Metadata>({
    maxEntries: MAX_ISSUERS,
    maxBytes: MAX_BYTES,
    maxAgeMs: DOCUMENT_MS,
    bytesOf: (key, { issuer, endpoints }) => weightOf(key, issuer) + HASH_BYTES * endpoints.size,
  })
  readonly #claims = new RecentMap<Claim>({
    maxEntries: MAX_ENDPOINTS,
    maxBytes: MAX_BYTES,
    maxAgeMs: CLAIM_MS,
    bytesOf: (key, { own, foreign }) => weightOf(key) + HASH_BYTES * (own.length + foreign.length),
  })
  /** By hash of the access token; null where two issuers gave the same one. */
  readonly #issued = new RecentMap<{ by: IssuedBy | null }>({
    maxEntries: MAX_TOKENS,
    maxBytes: MAX_BYTES,
    maxAgeMs: TOKEN_AGE_MS,
    bytesOf: (key, { by }) => weightOf(key, by?.issuer, by?.endpoint),
  })
  #reading = 0

  /**
   * Reads a copy of the metadata that stood at `url`. Neither delays nor breaks the answer itself.
   * @param read - notes whose metadata the client has read
   */
  observe(url: URL, answer: Answer, readMs: number, read: ReadIssuers): void {
    if (answer.status !== 200) {
      // Some clients take it all the same.
      if (answer.status > 200 && answer.status < 300) read.addUnknown()
      return
    }
    this.#reading += 1
    readJson(answer, readMs)
      .then((document) => {
        const issuer = this.learn(url, document)
        if (issuer !== undefined) read.add(issuer)
        else if (!isAnothers(document, url)) read.addUnknown()
      })
      .finally(() => {
        this.#reading -= 1
      })
      .catch(() => undefined)
  }

  /**
   * To be awaited before a request is judged: the client may have used a document a moment before its copy was read here.
   * Waits for no server.
   */
  async caughtUp(): Promise<void> {
    for (let turn = 0; this.#reading > 0 && turn < MAX_TURNS; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  /** Takes a document in. Gives the issuer, unless the document was found elsewhere than there, or there is no room for all of it. */
  learn(foundAt: URL, document: object): string | undefined {
    const { issuer } = document as { issuer?: unknown }
    if (typeof issuer !== 'string' || !isFoundAt(issuer, foundAt)) return undefined
    const key = issuerKey(issuer)
    if (key === undefined) return undefined
    const endpoints = new Map<EndpointKind, string>()
    const own = new Map<string, boolean>()
    for (const [kind, member] of Object.entries(ENDPOINT_MEMBERS)) {
      const endpoint = endpointUrl((document as Record<string, unknown>)[member])
      if (endpoint === undefined) continue
      const name = fingerprint(endpoint.href)
      endpoints.set(kind as EndpointKind, name)
      own.set(name, endpoint.origin === foundAt.origin)
    }
    let isWhole = hasRoomFor(this.#documents, key)
    if (isWhole) this.#documents.set(key, { issuer, endpoints })
    for (const [name, isOwn] of own) {
      // Without room for the document too: else a lie about its endpoints would stand alone.
      if (hasRoomFor(this.#claims, name)) this.#claim(name, key, isOwn)
      else isWhole = false
    }
    return isWhole ? issuer : undefined
  }

  /** Whose tokens a client gets at an endpoint; undefined where that is unknown or contested. */
  tokenIssuer(endpoint: string, read: ReadIssuers): string | undefined {
    const issuer = this.issuerOf(endpoint, 'token')
    return issuer !== undefined && read.believes(issuer, endpoint) ? issuer : undefined
  }

  /**
   * The issuer that an endpoint belongs to as one of these kinds; undefined where that is unknown or contested.
   */
  issuerOf(endpoint: string, ...kinds: readonly EndpointKind[]): string | undefined {
    return this.#issuerNaming(endpoint, kinds, ({ own, foreign }) =>
      own.length > 0 ? own : foreign,
    )
  }

  /**
   * As {@link issuerOf}, but only where no other issuer names the endpoint. A request does not say for whom a client makes it,
   * and what is answered is handed on: the client may send it to whoever named the endpoint.
   */
  soleIssuerOf(endpoint: string, ...kinds: readonly EndpointKind[]): string | undefined {
    return this.#issuerNaming(endpoint, kinds, ({ own, foreign }) => [...own, ...foreign])
  }

  /**
   * Whether a record's tokens have no business at a token endpoint: its issuer is known, and the endpoint neither gave the tokens nor
   * is the issuer's. An issuer may have several documents, of which the last that was read counts.
   */
  isForeign(origin: RecordOrigin, endpoint: string): boolean {
    if (origin.issuer === undefined) return false
    const name = nameOf(endpoint)
    if (name === undefined) return true
    if (origin.endpoint !== undefined && nameOf(origin.endpoint) === name) return false
    const document = inUse(this.#documents, issuerKey(origin.issuer))
    if (document !== undefined) return document.endpoints.get('token') !== name
    if (origin.endpoint !== undefined) return true
    return endpointUrl(origin.issuer)?.origin !== endpointUrl(endpoint)?.origin
  }

  /** Notes that the issuer gave this access token at its own token endpoint. */
  noteIssued(accessToken: string, issuer: string, endpoint: string): void {
    const name = fingerprint(accessToken)
    const known = this.#issued.get(name)?.by
    const isOther = known !== undefined && known?.issuer !== issuer
    this.#issued.set(name, { by: isOther ? null : { issuer, endpoint } })
  }

  /** Who gave this access token to this process lately; undefined where nobody is known to have, or two are. */
  issuedBy(accessToken: string): IssuedBy | undefined {
    if (this.#issued.size === 0) return undefined
    return this.#issued.get(fingerprint(accessToken))?.by ?? undefined
  }

  #claim(name: string, key: string, isOwn: boolean): void {
    const { own, foreign } = this.#claims.get(name) ?? { own: [], foreign: [] }
    const add = (keys: readonly string[]): readonly string[] =>
      keys.includes(key) || keys.length > 1 ? keys : [...keys, key]
    // Set again, so that the youngest claim keeps alive what it contests.
    this.#claims.set(name, isOwn ? { own: add(own), foreign } : { own, foreign: add(foreign) })
  }

  #issuerNaming(
    endpoint: string,
    kinds: readonly EndpointKind[],
    ownersIn: (claim: Claim) => readonly string[],
  ): string | undefined {
    const name = nameOf(endpoint)
    const claim = inUse(this.#claims, name)
    if (claim === undefined) return undefined
    const [owner, rival] = ownersIn(claim)
    const document = rival === undefined ? inUse(this.#documents, owner) : undefined
    return kinds.some((kind) => document?.endpoints.get(kind) === name)
      ? document?.issuer
      : undefined
  }
}

/** Whether an entry of this key can stand there without another being forgotten. */
function hasRoomFor<V>(map: RecentMap<V>, key: string): boolean {
  return map.has(key) || map.hasRoom(1)
}

/** What stands there, which stays for another age. */
function inUse<V>(map: RecentMap<V>, key: string | undefined): V | undefined {
  const value = key === undefined ? undefined : map.get(key)
  if (key !== undefined && value !== undefined) map.set(key, value)
  return value
}

/** Names an issuer for comparison: the same for `https://auth.example` and `https://auth.example/`. Undefined if it is none. */
export function issuerKey(issuer: string): string | undefined {
  const url = endpointUrl(issuer)
  return url === undefined || url.search !== '' || issuer.includes('#')
    ? undefined
    : fingerprint(url.origin + trimmed(url.pathname))
}

/** Where an issuer's metadata stands: RFC 8414 section 3.1. */
export function metadataUrl(issuer: string): URL {
  const url = new URL(issuer)
  url.pathname = metadataPath(trimmed(url.pathname))
  return url
}

function metadataPath(issuerPath: string): string {
  return `/.well-known/oauth-authorization-server${issuerPath}`
}

/** RFC 8414 section 3.1, and OpenID Connect Discovery 1.0 section 4, which appends. */
function isFoundAt(issuer: string, foundAt: URL): boolean {
  const url = endpointUrl(issuer)
  if (url === undefined || url.origin !== foundAt.origin || foundAt.search !== '') return false
  const path = trimmed(url.pathname)
  return [
    metadataPath(path),
    `/.well-known/openid-configuration${path}`,
    `${path}/.well-known/openid-configuration`,
  ].includes(trimmed(foundAt.pathname))
}

/** Whether the document names an issuer elsewhere: no client takes it for that issuer's metadata. */
function isAnothers(document: object, foundAt: URL): boolean {
  try {
    return new URL((document as { issuer?: string }).issuer ?? '').origin !== foundAt.origin
  } catch {
    return false
  }
}

function trimmed(path: string): string {
  return path.replace(/\/$/, '')
}

function nameOf(endpoint: string): string | undefined {
  const url = endpointUrl(endpoint)
  return url && fingerprint(url.href)
}

/** An `http:` or `https:` URL without a user; its fragment is no part of an endpoint (RFC 6749 section 3.2). */
function endpointUrl(value: unknown): URL | undefined {
  if (typeof value !== 'string' || value.length > MAX_URL_LENGTH) return undefined
  try {
    const url = new URL(value)
    url.hash = ''
    const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
    return isWeb && url.username === '' && url.password === '' ? url : undefined
  } catch {
    return undefined
  }
}
