import type { FetchLike } from '../leaves/contract.js'
import { codeIn, RedisOAuthDatabaseError } from '../leaves/errors.js'
import {
  type Answer,
  type FetchInit,
  isSuccess,
  jsonOf,
  refusesClient,
  refusesRefresh,
} from '../oauth/http/answers.js'
import { readJson } from '../oauth/http/bounded-request.js'
import {
  type BoundRefresh,
  type OAuthRequest,
  type RefreshRequest,
  requestKind,
} from '../oauth/http/requests.js'
import { TIMING_DEFAULTS } from '../oauth/timing.js'
import type { Issuers } from '../oauth/trust/issuers.js'
import type { ClientMemory } from './client-memory.js'

/** Statuses by which a server says that it is away. A server without metadata may answer anything else. */
const AWAY: readonly number[] = [429, 502, 503, 504]

/** A coordinated `fetch` that notes in `memory` what the provider has to know of its requests. */
export function watchedFetch(fetch: FetchLike, memory: ClientMemory, issuers: Issuers): FetchLike {
  return async (url, init) => {
    const request = requestKind(url, init)
    const refresh = request.kind === 'refresh' || request.kind === 'bound' ? request : undefined
    const isDue = refresh !== undefined || isDiscovery(url)
    const answer = await fetch(url, init).catch((error) => {
      if (isDue) memory.failed(unrenewed(error))
      if (request.kind === 'code') memory.loginFailed({ code: codeIn(error) })
      throw error
    })
    if (request.kind === 'code' && !isSuccess(answer)) memory.loginFailed({ status: answer.status })
    await noteRefusedClient(answer, request, memory)
    if (refresh !== undefined) await noteRefresh(answer, refresh, memory)
    else if (isDue && AWAY.includes(answer.status)) memory.failed(failedWith(answer.status))
    else if (isSuccess(answer)) await noteGiven(answer, request, init, memory, issuers)
    return answer
  }
}

async function noteGiven(
  answer: Answer,
  request: OAuthRequest,
  init: FetchInit,
  memory: ClientMemory,
  issuers: Issuers,
): Promise<void> {
  if (request.kind === 'metadata') await noteServer(answer, request.url, memory, issuers)
  else if (isTokenRequest(init)) await noteIssued(answer, memory)
}

async function noteRefresh(
  answer: Answer,
  { refreshToken }: RefreshRequest | BoundRefresh,
  memory: ClientMemory,
): Promise<void> {
  if (isSuccess(answer)) {
    memory.succeeded()
    await noteIssued(answer, memory)
  } else if (answer.status < 400 || answer.status === 429 || answer.status >= 500) {
    memory.failed(failedWith(answer.status))
  } else if (refusesRefresh(answer, await jsonOf(answer))) {
    memory.refused(refreshToken)
  }
}

async function noteRefusedClient(
  answer: Answer,
  request: OAuthRequest,
  memory: ClientMemory,
): Promise<void> {
  if (request.kind !== 'refresh' && request.kind !== 'bound' && request.kind !== 'code') return
  if (isSuccess(answer) || request.client === null) return
  if (refusesClient(answer, await jsonOf(answer)))
    memory.refusedClient(request.endpoint, request.client)
}

async function noteIssued(answer: Answer, memory: ClientMemory): Promise<void> {
  const { access_token: accessToken } = await jsonOf(answer)
  if (typeof accessToken === 'string') memory.issued(accessToken)
}

/** An SDK without discovery state does not say which authorization server it has found. */
async function noteServer(
  answer: Answer,
  url: URL,
  memory: ClientMemory,
  issuers: Issuers,
): Promise<void> {
  const metadata = await readJson(answer, TIMING_DEFAULTS.requestMs)
  const issuer = issuers.learn(url, metadata)
  if (issuer === undefined) return
  memory.addServer({ authorizationServerUrl: issuer, authorizationServerMetadata: metadata })
}

function isTokenRequest(init: FetchInit): boolean {
  const { body } = Object(init) as { body?: unknown }
  return body instanceof URLSearchParams && body.has('grant_type')
}

/** Of a server's metadata: an SDK that does not get it may take another authorization server for the server's. */
function isDiscovery(url: unknown): boolean {
  return (typeof url === 'string' || url instanceof URL) && String(url).includes('/.well-known/')
}

function unrenewed(error: unknown): unknown {
  const isAborted = (error as { name?: unknown } | null)?.name === 'AbortError'
  if (isAborted || error instanceof RedisOAuthDatabaseError) return error
  return new RedisOAuthDatabaseError(
    'REFRESH_FAILED',
    'the authorization server could not be reached to renew the session. The session was not changed; retry later, or see cause',
    { cause: error },
  )
}

function failedWith(status: number): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'REFRESH_FAILED',
    `a server answered ${status} when asked to renew the session. The session was not changed; retry later, or delete it so ` +
      'that the user logs in',
  )
}
