import { createHash } from 'node:crypto'
import { fingerprint } from '../flight/fingerprint.js'
import { codeIn } from '../leaves/errors.js'
import { RecentMap, weightOf } from '../leaves/recent-map.js'
import { formDecoded, type SentClient } from '../oauth/http/requests.js'
import { issuerKey } from '../oauth/trust/issuers.js'
import { isShort } from '../record/codec.js'
import { metadataTooLarge } from './login/failures.js'
import { type Login, type LoginFailure, MAX_LOGIN_LENGTH, publishLoginEnd } from './login/logins.js'
import type { McpClientInformation, McpDiscoveryState } from './shapes.js'

/** As long as a login may take. */
const LOGIN_MS = 600_000
/** An SDK asks for a `state` right after its refresh has failed. */
const FAILURE_MS = 30_000
const MAX_LOGINS = 100
const MAX_SERVERS = 5
const MAX_BYTES = 2 ** 20

const bounds = { maxEntries: MAX_LOGINS, maxBytes: MAX_BYTES, maxAgeMs: LOGIN_MS }

/** A client that its authorization server does not know, and the issuer whom its registration is kept for. */
interface UnknownClient {
  readonly client: McpClientInformation
  readonly issuer: string
}

/** What one provider has seen pass: an SDK calls its methods one by one, and does not say which calls belong together. */
export class ClientMemory {
  /** By code challenge, which the authorization URL names as well. */
  readonly #verifiers = new RecentMap<string>({ ...bounds, bytesOf: weightOf })
  /** Clients that the SDK was handed, by their ids and issuers: two issuers may give out the same id. */
  readonly #clients = new RecentMap<McpClientInformation>({
    ...bounds,
    bytesOf: (id, client) => weightOf(id, JSON.stringify(client)),
  })
  /** Refresh tokens that their authorization server has refused, by hash. */
  readonly #refused = new RecentMap<string>({ ...bounds, bytesOf: weightOf })
  /** Access tokens that the SDK has read and not had from an authorization server since, by hash. */
  readonly #read = new RecentMap<true>(bounds)
  /** What `@ai-sdk/mcp` binds a client to that was registered beforehand, as it says right before a login. */
  #stamps: Partial<McpClientInformation> = {}
  #unknownClient: UnknownClient | undefined
  #servers: readonly McpDiscoveryState[] = []
  #failure: { error: unknown; atMs: number } | undefined
  /** The login whose verifier the SDK has taken to redeem its code. */
  #finishing: Login | undefined

  addVerifier(codeVerifier: string): void {
    this.#verifiers.set(challengeOf(codeVerifier), codeVerifier)
  }

  verifierOf(codeChallenge: string): string | undefined {
    return this.#verifiers.get(codeChallenge)
  }

  addClient(client: McpClientInformation): void {
    this.#clients.set(nameOf(client.client_id, client.issuer), client)
  }

  /** The client of this id at an authorization server. One without an issuer is for any. */
  client(
    clientId: string,
    server: McpDiscoveryState | undefined,
  ): McpClientInformation | undefined {
    const { issuer } = Object(server?.authorizationServerMetadata) as { issuer?: unknown }
    // The first is what an SDK has asked, the last what that says of itself, which may be another's name.
    const issuers = [server?.authorizationServerUrl, undefined, issuer]
    const found = issuers.map((one) => this.#clients.get(nameOf(clientId, one)))
    return found.find((client) => client !== undefined)
  }

  addStamps(stamps: Partial<McpClientInformation>): void {
    this.#stamps = stamps
  }

  /** None where they are of another server: two logins may begin at once. */
  stampsFor({ authorizationServerUrl }: McpDiscoveryState): Partial<McpClientInformation> {
    const { issuer, authorization_server: bound } = this.#stamps
    const isMeant = [issuer, bound].some(
      (name) => name !== undefined && sameOf(name) === sameOf(authorizationServerUrl),
    )
    return isMeant ? this.#stamps : {}
  }

  /** To be called when a token endpoint says that it does not know a client. It speaks for its authorization server alone. */
  refusedClient(endpoint: string, { clientId, clientSecret }: SentClient): void {
    const server = this.#servers.find((one) => isEndpoint(one, 'token', new URL(endpoint)))
    const client = server && this.client(clientId, server)
    if (client === undefined || server === undefined) return
    const { client_secret: secret = '', issuer = server.authorizationServerUrl } = client
    // Its metadata may name another's issuer as its own. Not every SDK compares.
    if (sameOf(issuer) !== sameOf(server.authorizationServerUrl)) return
    // Some SDKs do not encode it for the Basic header.
    if (secret !== clientSecret && formDecoded(secret) !== clientSecret) return
    this.#unknownClient = { client, issuer }
  }

  /** The client that its authorization server does not know. */
  get unknownClient(): UnknownClient | undefined {
    return this.#unknownClient
  }

  /** @throws RedisOAuthDatabaseError `LOGIN_FAILED` for metadata with which no login could be saved: it stays in memory */
  addServer(server: McpDiscoveryState): void {
    if (!isShort(server, MAX_LOGIN_LENGTH)) throw metadataTooLarge()
    const name = sameOf(server.authorizationServerUrl)
    const others = this.#servers.filter((known) => sameOf(known.authorizationServerUrl) !== name)
    this.#servers = [server, ...others].slice(0, MAX_SERVERS)
  }

  /** An authorization server of which no metadata may be known. */
  addServerAt(authorizationServerUrl: string): void {
    const isKnown = this.#servers.some(
      (known) => sameOf(known.authorizationServerUrl) === sameOf(authorizationServerUrl),
    )
    if (!isKnown)
      this.#servers = [...this.#servers, { authorizationServerUrl }].slice(0, MAX_SERVERS)
  }

  /** The authorization server that was found last. */
  get server(): McpDiscoveryState | undefined {
    return this.#servers[0]
  }

  /**
   * The authorization server whose URL this is. Where several name it, the one at its origin: any can name another's endpoint, and is sent
   * the code of a login that is taken for its own. Of several there, the one whose client the URL names.
   */
  serverOf(url: URL, clientId: string): McpDiscoveryState | undefined {
    const naming = this.#servers.filter((server) => isEndpoint(server, 'authorization', url))
    const own = naming.filter((server) => isAt(url.origin, server))
    const rivals = own.length > 0 ? own : naming
    const [server, rival] =
      rivals.length > 1 ? rivals.filter((one) => this.client(clientId, one)) : rivals
    return rival === undefined ? server : undefined
  }

  forgetServers(): void {
    this.#servers = []
  }

  refused(refreshToken: string): void {
    this.#refused.set(fingerprint(refreshToken), refreshToken)
  }

  get refusedTokens(): readonly string[] {
    return [...this.#refused.values()]
  }

  read(accessToken: string): void {
    this.#read.set(fingerprint(accessToken), true)
  }

  issued(accessToken: string): void {
    this.#read.delete(fingerprint(accessToken))
  }

  /** Whether the SDK has these tokens from here alone. */
  isRead(accessToken: string): boolean {
    return this.#read.has(fingerprint(accessToken))
  }

  /** Why the session could not be renewed. */
  failed(error: unknown): void {
    this.#failure = { error, atMs: performance.now() }
  }

  succeeded(): void {
    this.#failure = undefined
  }

  get failure(): { error: unknown } | undefined {
    const failure = this.#failure
    return failure && performance.now() - failure.atMs < FAILURE_MS ? failure : undefined
  }

  /** To be called when the SDK has the verifier, with which it redeems the code of this login. */
  finishes(login: Login): void {
    this.#finishing = login
  }

  /** To be called when the tokens that an SDK has got are saved. */
  saved(): void {
    this.#finished()
    this.succeeded()
  }

  /** An SDK may take it for a refresh that has failed. */
  notSaved(error: unknown): void {
    this.loginFailed({ code: codeIn(error) })
    this.failed(error)
  }

  loginFailed(failure: LoginFailure): void {
    this.#finished(failure)
  }

  #finished(failure?: LoginFailure): void {
    if (this.#finishing !== undefined) publishLoginEnd(this.#finishing, failure)
    this.#finishing = undefined
  }
}

/** The paths are what SDKs take where there is no metadata. */
const PATHS = { authorization: '/authorize', token: '/token' } as const

/** Whether that endpoint of an authorization server is at this URL, whatever its query is. */
function isEndpoint(
  { authorizationServerUrl, authorizationServerMetadata }: McpDiscoveryState,
  kind: keyof typeof PATHS,
  { origin, pathname }: URL,
): boolean {
  const named = Object(authorizationServerMetadata)[`${kind}_endpoint`] ?? PATHS[kind]
  try {
    const endpoint = new URL(String(named), authorizationServerUrl)
    return endpoint.origin === origin && endpoint.pathname === pathname
  } catch {
    return false
  }
}

function isAt(origin: string, { authorizationServerUrl }: McpDiscoveryState): boolean {
  try {
    return new URL(authorizationServerUrl).origin === origin
  } catch {
    return false
  }
}

function nameOf(clientId: string, issuer: unknown): string {
  return JSON.stringify([clientId, typeof issuer === 'string' ? sameOf(issuer) : null])
}

/** The same for an issuer with a slash at its end and without one. */
function sameOf(issuer: string): string {
  return issuerKey(issuer) ?? issuer
}

/** RFC 7636 section 4.2. */
export function challengeOf(codeVerifier: string): string {
  return createHash('sha256').update(codeVerifier).digest('base64url')
}
