import { publishSession } from '../diagnostics.js'
import { RecentMap } from '../recent-map.js'
import { type Answer, jsonOf } from './answers.js'

export interface RegistrationRecords {
  /** The reply that a peer shared under this name and that has not run out, else null. */
  find(name: string): Promise<string | null>
  /** Keeps the reply, which holds a client secret, for its peers; replaces one that is there. */
  share(name: string, reply: string, replyMs: number): Promise<void>
  /**
   * Removes the stored registration of an authorization server that this process knows `clientId` from, if it still
   * holds that client. `endpoint` is the one that refused it.
   */
  forget(clientId: string, endpoint: string): Promise<boolean>
}

const CLIENT_ERRORS = new Set<unknown>(['invalid_client', 'unauthorized_client'])

/** Knows which clients an authorization server refused, and has their registrations removed. */
export class ClientRefusals {
  readonly #registrations: RegistrationRecords
  readonly #refused = new RecentMap<true>({ maxEntries: 1_000 })

  constructor(registrations: RegistrationRecords) {
    this.#registrations = registrations
  }

  isRefused(clientId: unknown): boolean {
    return this.#refused.has(String(clientId))
  }

  /**
   * Looks at an answer for a word on the client. A plain 401 or 403 is none for certain, but the SDK registers again
   * upon it (`registersAgain`), and must not get the same client back.
   */
  async noteClientRefusal(
    answer: Answer,
    request: { clientId: string | null; endpoint: string },
    registersAgain: boolean,
  ): Promise<void> {
    const { clientId, endpoint } = request
    if (clientId === null || ![400, 401, 403].includes(answer.status)) return
    const forgotten = CLIENT_ERRORS.has((await jsonOf(answer)).error)
    if (forgotten || (registersAgain && answer.status !== 400)) this.#refused.set(clientId, true)
    if (forgotten) await this.forget(clientId, endpoint)
  }

  async forget(clientId: string, endpoint: string): Promise<void> {
    this.#refused.set(clientId, true)
    try {
      if (await this.#registrations.forget(clientId, endpoint)) publishSession('clientForgotten')
    } catch {
      // The next refusal tries again; the answer at hand must reach its caller all the same.
    }
  }
}
