import type { FetchLike } from '../contract.js'
import { publishSession } from '../diagnostics.js'
import { fingerprint } from '../flight/fingerprint.js'
import type { FlightRunner } from '../flight/single-flight.js'
import { type Answer, type FetchInit, jsonAnswer, jsonOf } from './answers.js'
import { boundedRequest, unlessAborted } from './bounded-request.js'
import type { ClientRefusals, RegistrationRecords } from './client-refusals.js'
import type { RegistrationRequest } from './requests.js'
import type { FlightTiming } from './timing.js'

export interface RegistrationParts {
  fetch: FetchLike
  flights: FlightRunner
  registrations: RegistrationRecords
  clients: ClientRefusals
  timing: FlightTiming
}

/**
 * Lets one caller register and answers the others with the client that it got. Requests are the same when endpoint,
 * metadata and initial access token are: two roles, which differ in metadata, never share a client.
 */
export class ClientRegistration {
  readonly #parts: RegistrationParts

  constructor(parts: RegistrationParts) {
    this.#parts = parts
  }

  send(url: string | URL, init: FetchInit, request: RegistrationRequest): Promise<Answer> {
    const { flights, timing } = this.#parts
    const { endpoint, metadata, authorization } = request
    const name = fingerprint('registration', endpoint, metadata, authorization)
    const flight = flights.run(name, () => this.#register(name, url, init), {
      recheck: () => this.#shared(name),
      leaseMs: timing.leaseMs,
      waitMs: timing.waitMs,
      maxHoldMs: timing.leaseMs + timing.requestMs,
      // A client too many is better than none: the last one saved wins.
      whenStoreFails: 'proceed',
    })
    return unlessAborted(flight, init?.signal)
  }

  async #shared(name: string): Promise<Answer | undefined> {
    const reply = await this.#parts.registrations.find(name)
    if (reply === null) return undefined
    const answer = jsonAnswer(201, reply)
    const { client_id: clientId } = await jsonOf(answer)
    if (clientId === undefined || this.#parts.clients.isRefused(clientId)) return undefined
    publishSession('registrationShared')
    return answer
  }

  async #register(name: string, url: string | URL, init: FetchInit): Promise<Answer> {
    const { fetch, registrations, timing } = this.#parts
    const answer = await boundedRequest(fetch, url, init, timing.requestMs)
    if (answer.status !== 201) return answer
    const reply = await jsonOf(answer)
    if (typeof reply.client_id !== 'string') return answer
    publishSession('registered', answer.status)
    try {
      await registrations.share(name, JSON.stringify(reply), timing.replyMs)
    } catch {
      // Unshared, it still serves the caller who has it.
    }
    return answer
  }
}
