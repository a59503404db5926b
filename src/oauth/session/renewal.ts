import { randomUUID } from 'node:crypto'
import type { ClientCredentials, FetchLike } from '../../leaves/contract.js'
import type { StoredToken } from '../../record/origin.js'
import {
  type FetchInit,
  isSuccess,
  isTokenResponse,
  jsonOf,
  refusesRefresh,
} from '../http/answers.js'
import { boundedRequest } from '../http/bounded-request.js'
import { requestKind } from '../http/requests.js'
import type { ClientRefusals } from '../trust/client-refusals.js'
import { type Issuers, metadataUrl } from '../trust/issuers.js'

/** `refused`: the session is over. `elsewhere`: for the client to find out, since not enough is known here. */
export type Renewal =
  | { kind: 'renewed'; accessToken: string }
  | { kind: 'refused' }
  | { kind: 'elsewhere' }

export interface RenewalParts {
  /** A coordinated `fetch` that hands on a refusal as it is. */
  readonly fetch: FetchLike
  readonly issuers: Issuers
  /** The registration with an issuer; null where there is none. Waits for nobody's. */
  client(issuer: string): Promise<ClientCredentials | null>
  readonly readMs: number
}

export interface ClientQuestionParts extends RenewalParts {
  /** Sends to authorization servers. */
  readonly channel: FetchLike
  readonly clients: ClientRefusals
}

const ELSEWHERE = { kind: 'elsewhere' } as const
const REFUSED = { kind: 'refused' } as const

/**
 * Sends a refresh request as the client would (RFC 6749 section 6): to the token endpoint that the record's own issuer names
 * in its metadata, with the registration that is stored for that issuer. A token without a known issuer is not sent.
 */
export async function renew(stored: StoredToken, parts: RenewalParts): Promise<Renewal> {
  const { issuer } = stored.origin
  const { refreshToken } = stored.token
  if (issuer === undefined || !refreshToken) return ELSEWHERE
  const endpoint = await tokenEndpoint(issuer, parts)
  if (endpoint === undefined || parts.issuers.isForeign(stored.origin, endpoint)) return ELSEWHERE
  const client = await parts.client(issuer)
  // A refresh token is bound to its client, and the next to register is another.
  if (client === null) return REFUSED
  const answer = await parts.fetch(endpoint, refreshInit(client, refreshToken))
  const body = await jsonOf(answer)
  if (isSuccess(answer) && isTokenResponse(body)) {
    return { kind: 'renewed', accessToken: body.access_token }
  }
  return refusesRefresh(answer, body) ? REFUSED : ELSEWHERE
}

/**
 * Has an issuer say whether it still knows the client, by a refresh token that nobody has: a token endpoint authenticates the client
 * first (RFC 6749 section 3.2.1), and then finds nothing to act on. Where it refuses the client, the registration is removed.
 */
export async function askForClient(issuer: string, parts: ClientQuestionParts): Promise<void> {
  const client = await parts.client(issuer)
  if (client === null) return
  const endpoint = await tokenEndpoint(issuer, parts)
  if (endpoint === undefined) return
  const init = refreshInit(client, randomUUID())
  const request = requestKind(endpoint, init)
  if (request.kind !== 'refresh') return
  const answer = await boundedRequest(parts.channel, endpoint, init, parts.readMs)
  await parts.clients.noteClientRefusal(answer, request, false)
}

/** Undefined where the issuer does not say, or does not take a secret in the body. */
async function tokenEndpoint(
  issuer: string,
  { fetch, issuers, readMs }: RenewalParts,
): Promise<string | undefined> {
  const init = { headers: { accept: 'application/json' }, redirect: 'manual' }
  const asked = boundedRequest(fetch, metadataUrl(issuer).href, init as FetchInit, readMs)
  const answer = await asked.catch(() => undefined)
  if (answer?.status !== 200) return undefined
  const document: object = await jsonOf(answer)
  const {
    issuer: named,
    token_endpoint: endpoint,
    token_endpoint_auth_methods_supported: methods,
  } = document as Record<string, unknown>
  if (named !== issuer || typeof endpoint !== 'string') return undefined
  if (Array.isArray(methods) && !methods.includes('client_secret_post')) return undefined
  await issuers.caughtUp()
  return endpoint
}

function refreshInit(
  { clientId, clientSecret }: ClientCredentials,
  refreshToken: string,
): FetchInit {
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: clientId,
    ...(clientSecret ? { client_secret: clientSecret } : {}),
  })
  return { method: 'POST', headers: { accept: 'application/json' }, body }
}
