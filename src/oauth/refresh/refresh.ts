import { fingerprint } from '../../flight/fingerprint.js'
import type { Lease } from '../../flight/lease.js'
import type { FlightRunner } from '../../flight/single-flight.js'
import type { FetchLike } from '../../leaves/contract.js'
import { publishSession, type SessionEvent } from '../../leaves/diagnostics.js'
import { codeIn } from '../../leaves/errors.js'
import { refreshTrace } from '../../leaves/tracing.js'
import type { StoredToken } from '../../record/origin.js'
import { type Answer, type FetchInit, removedAnswer, tokenAnswer } from '../http/answers.js'
import { boundedOwnRequest, boundedRequest, unlessAborted } from '../http/bounded-request.js'
import type { RefreshRequest } from '../http/requests.js'
import { SentToken } from '../places/sent-token.js'
import type { Place, TokenPlace } from '../places/token-places.js'
import { Exchange, type ExchangeParts } from './exchange.js'
import type { Logins } from './logins.js'
import type { Outcome } from './outcome.js'
import { isLong, type Rest, type RestStore, Rests, restingFailure } from './rests.js'
import { Sending, waitedTooLong } from './sending.js'

export interface RefreshParts extends ExchangeParts {
  readonly fetch: FetchLike
  readonly flights: FlightRunner
  readonly logins: Logins
  readonly rests: RestStore
  /** When nothing can be saved any more, by `performance.now()`. */
  closesAtMs(): number
  /** The error that makes the client authorize anew within the same call; null when there is none. */
  readonly authorizeAnew: ((place: Place) => Promise<Error | null> | Error | null) | null
}

/** The lease was lost before anything was sent. */
const LOST = { kind: 'lost' } as const

/**
 * Sends one refresh per refresh token, whoever asks for it: under a lease, after a mark and a look at the record. The record is
 * the only thing shared, so nothing secret is kept outside of it, and a failure is nobody's but the holder's.
 */
export class TokenRefresh {
  readonly #parts: RefreshParts

  constructor(parts: RefreshParts) {
    this.#parts = parts
  }

  async send(url: string | URL, init: FetchInit, request: RefreshRequest): Promise<Answer> {
    const { places, issuers, fetch, timing } = this.#parts
    const known = places.find(request.refreshToken)
    // An endpoint of another issuer has no say in these records, and its answer none in this fleet.
    const found = known.filter(({ origin }) => !issuers.isForeign(origin, request.endpoint))
    if (found.length === 0) {
      publishSession(known.length === 0 ? 'refreshUnknown' : 'refreshForeign')
      return await boundedOwnRequest(fetch, url, init, timing.requestMs)
    }
    const ask = (): Promise<Answer> => boundedRequest(fetch, url, init, timing.requestMs)
    return await unlessAborted(
      () =>
        refreshTrace.run(
          'refresh',
          () => new Refresh(this.#parts, found, request, ask).run(),
          codeIn,
          ({ status }) => status,
        ),
      init?.signal,
    )
  }
}

/** One caller's refresh. */
class Refresh {
  readonly #parts: RefreshParts
  readonly #request: RefreshRequest
  readonly #ask: () => Promise<Answer>
  readonly #sent: SentToken
  readonly #rests: Rests
  readonly #startedAtMs = performance.now()
  /** Rejects when the caller has waited long enough for the save, which goes on. */
  readonly #late: Promise<never>
  #letGo!: (error: unknown) => void

  constructor(
    parts: RefreshParts,
    places: readonly TokenPlace[],
    request: RefreshRequest,
    ask: () => Promise<Answer>,
  ) {
    this.#parts = parts
    this.#request = request
    this.#ask = ask
    this.#sent = new SentToken(parts, request, places)
    this.#rests = new Rests(parts.rests, request, places[0]?.origin.issuer)
    this.#late = new Promise((_, reject) => {
      this.#letGo = reject
    })
    this.#late.catch(() => undefined)
  }

  async run(): Promise<Answer> {
    const outcome = await this.#outcome()
    switch (outcome.kind) {
      case 'answered':
        return outcome.answer
      case 'renewed':
        return await this.#reuse(outcome.stored)
      case 'refused':
        return await this.#login(outcome.answer)
      case 'gone':
        this.#tell('refreshRecordGone')
        return await this.#login(removedAnswer())
      case 'resting':
        this.#tell('refreshPutOff')
        throw restingFailure(outcome.rest)
    }
  }

  async #outcome(): Promise<Outcome> {
    try {
      const found = await this.#sent.arrive()
      return found.kind === 'due' ? await Promise.race([this.#renewOnce(), this.#late]) : found
    } catch (error) {
      this.#tell('refreshFailed', { code: codeIn(error) })
      throw error
    }
  }

  #tell(event: SessionEvent['event'], facts: Pick<SessionEvent, 'code'> = {}): void {
    publishSession(event, facts, this.#startedAtMs)
  }

  /** The only caller to send the token, or what others made of it. The flight is `waitingForLease`. A lease that was lost before the token went out is taken anew. */
  async #renewOnce(): Promise<Outcome> {
    const { flights, timing } = this.#parts
    const { endpoint, clientId, refreshToken, scope } = this.#request
    const untilMs = performance.now() + timing.waitMs
    for (;;) {
      const waitMs = Math.ceil(untilMs - performance.now())
      if (waitMs <= 0) throw waitedTooLong(timing.waitMs)
      const outcome = await flights.runMarked<Outcome | typeof LOST>(
        // Not by the resource (RFC 8707): SDKs leave it out where they have not found the resource's metadata, and the token is one.
        fingerprint('refresh', endpoint, clientId, refreshToken, scope),
        (lease) => this.#renew(lease),
        {
          kind: 'refresh',
          recheck: () => this.#recheck(),
          leaseMs: timing.leaseMs,
          waitMs,
          maxHoldMs: timing.leaseMs + timing.waitMs + timing.requestMs + timing.rescueMs,
          whenStoreFails: 'fail',
        },
      )
      if (outcome.kind !== 'lost') return outcome
    }
  }

  /** For who waits: the records, then whether it is worth waiting. */
  async #recheck(): Promise<Outcome | undefined> {
    const [found, rest] = await Promise.all([this.#sent.look(), this.#rests.look()])
    if (found.kind !== 'due') return found
    return rest !== null && isLong(rest) ? this.#putOff(rest) : undefined
  }

  async #renew(lease: Lease): Promise<Outcome | typeof LOST> {
    const { records, clock, timing, closesAtMs } = this.#parts
    const sending = new Sending<Outcome>({
      lease,
      rests: this.#rests,
      clock,
      timing,
      troubledAtMs: () => records.troubledAtMs,
      closesAtMs,
      look: async () => {
        const found = await this.#sent.look()
        return found.kind === 'due' ? undefined : found
      },
    })
    const end = await sending.prepare()
    if (end.kind === 'found') return end.found
    if (end.kind === 'resting') return this.#putOff(end.rest)
    if (end.kind === 'lost') return LOST
    const exchange = new Exchange(this.#parts, this.#request, this.#sent, this.#rests, {
      startedAtMs: this.#startedAtMs,
      letGo: this.#letGo,
    })
    return await exchange.run(this.#ask)
  }

  #putOff(rest: Rest): Outcome {
    const stored = this.#sent.stillValid()
    return stored === undefined ? { kind: 'resting', rest } : { kind: 'renewed', stored }
  }

  async #reuse(stored: StoredToken): Promise<Answer> {
    await this.#sent.spread(stored)
    this.#tell('refreshReused')
    return tokenAnswer(stored.token, this.#parts.clock.now())
  }

  /** One caller of all processes authorizes anew, the others take what it saves. */
  async #login(refusal: Answer): Promise<Answer> {
    const { authorizeAnew, logins, records } = this.#parts
    // Whose session it was is not known where several users had it.
    const { onlyPlace } = this.#sent
    if (onlyPlace === undefined || authorizeAnew === null) return refusal
    const saved = await logins.take(onlyPlace, async () => {
      const stored = await records.read(onlyPlace)
      return stored?.token.refreshToken === this.#request.refreshToken
        ? undefined
        : (stored ?? undefined)
    })
    if (saved !== undefined) return await this.#reuse(saved)
    const { userId, url, resourceUrl } = onlyPlace
    const error = await authorizeAnew({ userId, url, resourceUrl })
    if (error) throw error
    return refusal
  }
}
