import type { FlightRunner } from '../flight/single-flight.js'
import { type Clock, systemClock } from '../leaves/clock.js'
import type { ClientCredentials, FetchLike } from '../leaves/contract.js'
import { publishSession } from '../leaves/diagnostics.js'
import {
  type Answer,
  answerConstructor,
  type FetchInit,
  isSuccess,
  jsonOf,
} from './http/answers.js'
import { boundedOwnRequest } from './http/bounded-request.js'
import { type ClientRequest, header, requestKind } from './http/requests.js'
import { Echoes } from './places/echoes.js'
import type { RefreshRecords } from './places/records.js'
import type { Place, TokenPlaces } from './places/token-places.js'
import { Logins } from './refresh/logins.js'
import { TokenRefresh } from './refresh/refresh.js'
import type { RestStore } from './refresh/rests.js'
import { UnsavedPairs } from './refresh/unsaved-pairs.js'
import { ClientRegistration } from './registration/registration.js'
import { askingForNoOther } from './session/challenge.js'
import type { ClientSession } from './session/client-session.js'
import { RefusedRequests } from './session/refused-requests.js'
import { askForClient } from './session/renewal.js'
import { type FlightTiming, TIMING_DEFAULTS } from './timing.js'
import { ClientRefusals, type RegistrationRecords } from './trust/client-refusals.js'
import { Issuers } from './trust/issuers.js'
import { ReadIssuers } from './trust/read-issuers.js'
import { RefusedTokens } from './trust/refused-tokens.js'

export interface CoordinatedFetchParts {
  /** Sends what has to be sent. */
  fetch: FetchLike
  flights: FlightRunner
  /** Runs logins. Nobody has to wait for them when the database is closed. */
  loginFlights: FlightRunner
  records: RefreshRecords
  rests: RestStore
  places: TokenPlaces
  /** Told of what callers are handed. */
  echoes?: Echoes
  registrations: RegistrationRecords
  /** What is known of authorization servers; shared by all fetches of one database. */
  issuers?: Issuers
  /** Whose metadata this client has read; shared by the fetches of one client. */
  read?: ReadIssuers
  /** Shared by the fetches of one client. */
  refusedTokens?: RefusedTokens
  /** The client that this `fetch` is of. With it a 401 of a resource server is settled here, where that can be done. */
  client?: ClientParts
  /**
   * Makes the error upon which the client authorizes anew within the same call. Without it, or when it gives null,
   * the client gets the refusal and its next call authorizes.
   */
  authorizeAnew?: (place: Place) => Promise<Error | null> | Error | null
  /** What a refresh or a registration passes, so that it counts as a call. */
  call?: (work: () => Promise<Answer>) => Promise<Answer>
  /** Told of pairs until they are saved. */
  unsaved?: UnsavedPairs
  /** When nothing can be saved any more, by `performance.now()`. */
  closesAtMs?: () => number
  clock?: Clock
  timing?: Partial<FlightTiming>
}

export interface ClientParts {
  readonly session: ClientSession
  /** The registration with an issuer; null where there is none. */
  registration(issuer: string): Promise<ClientCredentials | null>
}

/**
 * A `fetch` for the OAuth channel of clients that share a database: of all processes one renews a token and one
 * registers, and the others are answered from the store. Every other request passes through as it is.
 *
 * @throws TypeError where the global `Response` is missing (Node 16).
 */
export function createCoordinatedFetch(parts: CoordinatedFetchParts): FetchLike {
  const {
    fetch,
    issuers = new Issuers(),
    read = new ReadIssuers(),
    refusedTokens = new RefusedTokens(),
    call = (work) => work(),
    client,
  } = parts
  if (!answerConstructor()) {
    throw new TypeError(
      'coordinatedFetch needs the global fetch and Response, which Node has from 18 on',
    )
  }
  parts.places.follow()
  const timing = { ...TIMING_DEFAULTS, ...parts.timing }
  const clients = new ClientRefusals(parts.registrations, issuers, timing.requestMs)
  const clock = parts.clock ?? systemClock
  const whole = {
    ...parts,
    issuers,
    read,
    clients,
    refusedTokens,
    authorizeAnew: parts.authorizeAnew ?? null,
    echoes: parts.echoes ?? new Echoes(),
    unsaved: parts.unsaved ?? new UnsavedPairs(),
    closesAtMs: parts.closesAtMs ?? (() => Number.POSITIVE_INFINITY),
    logins: new Logins(parts.loginFlights, client?.session, timing, clock),
    clock,
    timing,
  }
  const refresh = new TokenRefresh(whole)
  const registration = new ClientRegistration(whole)

  const sendToResource: FetchLike = (url, init) =>
    afterwards(fetch(url, init), (answer) => noteRefusal(refusedTokens, answer, url, init))
  const refusedRequests = client && settlingRefusals(client, sendToResource, whole)

  async function sendAsClient(
    url: string | URL,
    init: FetchInit,
    request: ClientRequest,
  ): Promise<Answer> {
    const isAuthorization = request.kind === 'authorization'
    let answer: Answer
    try {
      answer = await (isAuthorization
        ? fetch(url, init)
        : boundedOwnRequest(fetch, url, init, timing.requestMs))
    } catch (error) {
      client?.session.loginFailed()
      throw error
    }
    if (answer.status >= (isAuthorization ? 400 : 404) || answer.status === 400) {
      client?.session.loginFailed()
    }
    await issuers.caughtUp()
    if (request.kind === 'code') await noteIssued(whole, answer, request.endpoint)
    await clients.noteClientRefusal(answer, request, !isAuthorization)
    return answer
  }

  const coordinated: FetchLike = (url, init) => {
    const request = requestKind(url, init)
    switch (request.kind) {
      case 'refresh':
        return call(() => issuers.caughtUp().then(() => refresh.send(url, init, request)))
      case 'registration':
        return call(() => issuers.caughtUp().then(() => registration.send(url, init, request)))
      case 'code':
      case 'introspection':
      case 'authorization':
        return sendAsClient(url, init, request)
      case 'metadata':
        return afterwards(fetch(url, init), (answer) =>
          issuers.observe(request.url, answer, timing.requestMs, read),
        )
      case 'bound':
      case 'secret':
        if (request.kind === 'bound') publishSession('refreshBound')
        return boundedOwnRequest(fetch, url, init, timing.requestMs)
      case 'other': {
        const user = refusedRequests?.userOf(url, init)
        return sendToResource(url, init)
          .then((answer) =>
            answer.status === 401 && refusedRequests !== undefined
              ? refusedRequests.answer(url, init, answer, user)
              : answer,
          )
          .then(askingForNoOther)
      }
    }
  }
  if (client) {
    const questionParts = {
      fetch: coordinated,
      channel: fetch,
      clients,
      issuers,
      client: client.registration,
      readMs: timing.requestMs,
    }
    // The first of a client's is its channel to authorization servers.
    client.session.askForClient ??= (issuer) =>
      askForClient(issuer, questionParts).catch(() => undefined)
  }
  return coordinated
}

function settlingRefusals(
  { session, registration }: ClientParts,
  fetch: FetchLike,
  parts: Pick<CoordinatedFetchParts, 'records' | 'places'> & {
    issuers: Issuers
    logins: Logins
    clock: Clock
    timing: FlightTiming
  },
): RefusedRequests {
  const { records, places, issuers, logins, clock, timing } = parts
  return new RefusedRequests({
    fetch,
    session,
    logins,
    records,
    places,
    renewal: {
      fetch: (url, init) => (session.refreshFetch ?? fetch)(url, init),
      issuers,
      client: registration,
      readMs: timing.requestMs,
    },
    clock,
  })
}

async function afterwards(sent: Promise<Answer>, note: (answer: Answer) => void): Promise<Answer> {
  const answer = await sent
  note(answer)
  return answer
}

async function noteIssued(
  { issuers, read }: { issuers: Issuers; read: ReadIssuers },
  answer: Answer,
  endpoint: string,
): Promise<void> {
  const issuer = isSuccess(answer) ? issuers.tokenIssuer(endpoint, read) : undefined
  if (issuer === undefined) return
  const { access_token: accessToken } = await jsonOf(answer)
  if (typeof accessToken === 'string') issuers.noteIssued(accessToken, issuer, endpoint)
}

function noteRefusal(
  refusedTokens: RefusedTokens,
  answer: Answer,
  url: string | URL,
  init: FetchInit,
): void {
  if (answer.status !== 401) return
  const token = /^bearer\s+(\S+)$/i.exec(header(init?.headers, 'authorization') ?? '')?.[1]
  if (token !== undefined) refusedTokens.note(token, url)
}
