import { fingerprint } from '../../flight/fingerprint.js'
import { publishSession } from '../../leaves/diagnostics.js'
import { RecentMap, weightOf } from '../../leaves/recent-map.js'
import { type Answer, isRefusal, refusesClient } from '../http/answers.js'
import { readJson } from '../http/bounded-request.js'
import type { ClientRequest, RefreshRequest, SentClient } from '../http/requests.js'
import type { EndpointKind, Issuers } from './issuers.js'

export interface RegistrationRecords {
  /** The reply that a peer shared under this name and whose client the issuer has not refused since, else null. */
  find(name: string, issuer: string): Promise<string | null>
  /** Keeps the reply, which holds a client secret, for its peers; replaces one that is there. */
  share(name: string, reply: string, replyMs: number): Promise<void>
  /** Whether this process has read or saved this very registration with the issuer, secret included. */
  knows(issuer: string, client: SentClient): boolean
  /** Removes the registration with the issuer wherever it still is this very one, secret included. */
  forget(issuer: string, client: SentClient): Promise<boolean>
}

const MAX_ISSUERS = 1_000
/** Of each issuer, those that it refused last: it takes no other's room. */
const MAX_CLIENTS = 8
const MAX_BYTES = 2 ** 20
/** Far longer than a reply with the client in it is shared. */
const MAX_AGE_MS = 3_600_000

/** What an authorization server may have refused a client at. */
const KINDS: Record<ClientRequest['kind'] | 'refresh', readonly EndpointKind[]> = {
  refresh: ['token'],
  code: ['token'],
  authorization: ['authorization'],
  introspection: ['introspection', 'revocation'],
}

/**
 * Knows which clients an authorization server refused, and has their registrations removed. Only a server's own word counts: at
 * an endpoint of its own, on a request that carried the credentials which are stored for it. Anyone can answer
 * `invalid_client`, and anyone can have it answered to a wrong secret.
 */
export class ClientRefusals {
  readonly #registrations: RegistrationRecords
  readonly #issuers: Issuers
  readonly #readMs: number
  /** By issuer, the clients; all by hash. */
  readonly #refused = new RecentMap<readonly string[]>({
    maxEntries: MAX_ISSUERS,
    maxBytes: MAX_BYTES,
    maxAgeMs: MAX_AGE_MS,
    bytesOf: (key, clients) => weightOf(key, ...clients),
  })

  constructor(registrations: RegistrationRecords, issuers: Issuers, readMs: number) {
    this.#registrations = registrations
    this.#issuers = issuers
    this.#readMs = readMs
  }

  isRefused(issuer: string, clientId: unknown): boolean {
    return this.#refusedBy(issuer).includes(fingerprint(String(clientId)))
  }

  /**
   * Looks at an answer for a word on the client. A plain 401 or 403 is none for certain, but the SDK registers again
   * upon it (`registersAgain`), and must not get the same client back.
   */
  async noteClientRefusal(
    answer: Answer,
    { kind, endpoint, client }: ClientRequest | RefreshRequest,
    registersAgain: boolean,
  ): Promise<void> {
    if (client === null || !isRefusal(answer)) return
    // Of the authorization endpoint: others are not followed to another origin.
    if ((answer as { redirected?: unknown }).redirected === true && kind === 'authorization') return
    const issuer = this.#issuers.issuerOf(endpoint, ...KINDS[kind])
    if (issuer === undefined || !this.#registrations.knows(issuer, client)) return
    const isForgotten = refusesClient(answer, await readJson(answer, this.#readMs))
    if (isForgotten || (registersAgain && [401, 403].includes(answer.status))) {
      const others = this.#refusedBy(issuer).slice(1 - MAX_CLIENTS)
      this.#refused.set(fingerprint(issuer), [...others, fingerprint(client.clientId)])
    }
    if (isForgotten) await this.#forget(issuer, client)
  }

  #refusedBy(issuer: string): readonly string[] {
    return this.#refused.get(fingerprint(issuer)) ?? []
  }

  async #forget(issuer: string, client: SentClient): Promise<void> {
    try {
      if (await this.#registrations.forget(issuer, client)) publishSession('clientForgotten')
    } catch {
      // The next refusal tries again; the answer at hand must reach its caller all the same.
    }
  }
}
