import { fingerprint } from '../../flight/fingerprint.js'
import type { FlightRunner } from '../../flight/single-flight.js'
import type { FetchLike } from '../../leaves/contract.js'
import { publishSession } from '../../leaves/diagnostics.js'
import { codeIn } from '../../leaves/errors.js'
import { isShort } from '../../record/codec.js'
import { type Answer, type FetchInit, isSuccess, jsonAnswer, jsonOf } from '../http/answers.js'
import { boundedOwnRequest, boundedRequest, unlessAborted } from '../http/bounded-request.js'
import type { RegistrationRequest } from '../http/requests.js'
import type { FlightTiming } from '../timing.js'
import type { ClientRefusals, RegistrationRecords } from '../trust/client-refusals.js'
import type { Issuers } from '../trust/issuers.js'
import type { ReadIssuers } from '../trust/read-issuers.js'

export interface RegistrationParts {
  fetch: FetchLike
  flights: FlightRunner
  registrations: RegistrationRecords
  clients: ClientRefusals
  issuers: Issuers
  read: ReadIssuers
  timing: FlightTiming
}

/**
 * Lets one caller register and answers the others with the client that it got. Requests are the same when issuer, endpoint,
 * metadata and all headers that may authenticate are: two roles, which differ in metadata, never share a client, nor do
 * two accounts. Where the endpoint is not known to be one issuer's own, everybody registers: the client goes to whoever
 * named the endpoint. So does one that has not read this issuer's metadata, as it may have the endpoint from another.
 */
export class ClientRegistration {
  readonly #parts: RegistrationParts

  constructor(parts: RegistrationParts) {
    this.#parts = parts
  }

  send(url: string | URL, init: FetchInit, request: RegistrationRequest): Promise<Answer> {
    const { fetch, flights, issuers, read, timing } = this.#parts
    const { endpoint, metadata, headers } = request
    const issuer = issuers.soleIssuerOf(endpoint, 'registration')
    if (issuer === undefined || !read.has(issuer) || headers === null) {
      publishSession('registrationUnknown')
      return boundedOwnRequest(fetch, url, init, timing.requestMs)
    }
    const startedAtMs = performance.now()
    const name = fingerprint('registration', issuer, endpoint, metadata, headers)
    const fly = (): Promise<Answer> =>
      flights.run(name, () => this.#register(name, url, init, startedAtMs), {
        kind: 'registration',
        recheck: () => this.#shared(name, issuer, startedAtMs),
        leaseMs: timing.leaseMs,
        waitMs: timing.waitMs,
        maxHoldMs: timing.leaseMs + timing.requestMs,
        // A client too many is better than none: the last one saved wins.
        whenStoreFails: 'proceed',
      })
    const told = (): Promise<Answer> =>
      fly().catch((error: unknown) => {
        publishSession('registrationFailed', { code: codeIn(error) }, startedAtMs)
        throw error
      })
    return unlessAborted(told, init?.signal)
  }

  async #shared(name: string, issuer: string, startedAtMs: number): Promise<Answer | undefined> {
    const reply = await this.#parts.registrations.find(name, issuer)
    if (reply === null) return undefined
    const answer = jsonAnswer(201, reply)
    const { client_id: clientId } = await jsonOf(answer)
    if (clientId === undefined || this.#parts.clients.isRefused(issuer, clientId)) return undefined
    publishSession('registrationShared', {}, startedAtMs)
    return answer
  }

  async #register(
    name: string,
    url: string | URL,
    init: FetchInit,
    startedAtMs: number,
  ): Promise<Answer> {
    const { fetch, registrations, timing } = this.#parts
    const answer = await boundedRequest(fetch, url, init, timing.requestMs)
    const { status } = answer
    // RFC 7591 section 3.2.1 says 201. Some SDKs take the client of each that is a success.
    const reply = isSuccess(answer) ? await jsonOf(answer) : {}
    if (typeof reply.client_id !== 'string') {
      publishSession('registrationFailed', { status }, startedAtMs)
      return answer
    }
    publishSession('registered', { status }, startedAtMs)
    // Nor is it saved by who asked.
    if (!isShort(reply)) return answer
    try {
      await registrations.share(name, JSON.stringify(reply), timing.replyMs)
    } catch {
      // Unshared, it still serves the caller who has it.
    }
    return answer
  }
}
