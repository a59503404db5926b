import type { Clock } from '../clock.js'
import type { AccessToken, FetchLike } from '../contract.js'
import { publishSession } from '../diagnostics.js'
import { RedisOAuthDatabaseError, SAVE_AGAIN_CODES } from '../errors.js'
import { fingerprint } from '../flight/fingerprint.js'
import { type LeaseStore, newOwner } from '../flight/lease.js'
import type { FlightRunner } from '../flight/single-flight.js'
import { expiresAtMs } from '../record/lifetime.js'
import {
  type Answer,
  type FetchInit,
  jsonAnswer,
  jsonOf,
  removedAnswer,
  renewedToken,
  tokenAnswer,
} from './answers.js'
import { boundedRequest, unlessAborted } from './bounded-request.js'
import type { ClientRefusals } from './client-refusals.js'
import type { RefusedTokens } from './refused-tokens.js'
import type { RefreshRequest } from './requests.js'
import type { FlightTiming } from './timing.js'
import type { Place, TokenPlaces } from './token-places.js'
import type { UnsavedPairs } from './unsaved-pairs.js'

export interface RefreshRecords {
  /** What stands there now; never from a cache. */
  read(place: Place): Promise<AccessToken | null>
  /**
   * Writes `token` if the record still holds the refresh token `expected`, in one step. A resent call finds its own
   * `token` and says `replaced`. `superseded`: the record holds another pair. `gone`: there is no record.
   */
  replace(place: Place, expected: string, token: AccessToken): Promise<Saved>
  /** When the store was last seen to be away or to be back, by `performance.now()`. */
  readonly troubledAtMs: number
  /** Removes the record if it still holds `refreshToken`, in one step. */
  remove(place: Place, refreshToken: string): Promise<boolean>
}

export interface RefreshParts {
  fetch: FetchLike
  flights: FlightRunner
  leases: LeaseStore
  records: RefreshRecords
  places: TokenPlaces
  clients: ClientRefusals
  refusedTokens: RefusedTokens | null
  /** The error that makes the client authorize anew within the same call; null when there is none. */
  authorizeAnew: ((place: Place) => Promise<Error | null> | Error | null) | null
  unsaved: UnsavedPairs
  clock: Clock
  timing: FlightTiming
}

type Outcome =
  /** The record was renewed by another. */
  | { kind: 'renewed'; token: AccessToken }
  /** The record was removed by another. */
  | { kind: 'gone' }
  /** What the authorization server answered, or what stands for it. */
  | { kind: 'answered'; answer: Answer }
  /** The authorization server refused the refresh token. */
  | { kind: 'refused'; answer: Answer }

type Saved = 'replaced' | 'superseded' | 'gone'

/** Errors (RFC 6749 section 5.2) after which a refresh token is of no use: it is bound to its client. */
const REFUSALS = new Set<unknown>(['invalid_grant', 'invalid_client', 'unauthorized_client'])

const AUTHORIZATION_POLL_MS = 100
const GRACE_POLL_MS = 100

/**
 * Sends one refresh per refresh token, whoever asks for it: under a lease, after a look at the record. The record is
 * the only thing shared, so nothing secret is kept outside of it, and a failure is nobody's but the holder's.
 */
export class TokenRefresh {
  readonly #parts: RefreshParts

  constructor(parts: RefreshParts) {
    this.#parts = parts
  }

  send(url: string | URL, init: FetchInit, request: RefreshRequest): Promise<Answer> {
    const place = this.#parts.places.find(request.refreshToken)
    if (!place) {
      publishSession('refreshUnknown')
      return this.#parts.fetch(url, init)
    }
    const ask = () => boundedRequest(this.#parts.fetch, url, init, this.#parts.timing.requestMs)
    return unlessAborted(new Refresh(this.#parts, place, request, ask).run(), init?.signal)
  }
}

/** One caller's refresh. */
class Refresh {
  readonly #parts: RefreshParts
  readonly #place: Place
  readonly #request: RefreshRequest
  readonly #ask: () => Promise<Answer>
  /** Rejects when the caller has waited long enough for the save, which goes on. */
  readonly #late: Promise<never>
  #letGo!: (error: unknown) => void

  constructor(
    parts: RefreshParts,
    place: Place,
    request: RefreshRequest,
    ask: () => Promise<Answer>,
  ) {
    this.#parts = parts
    this.#place = place
    this.#request = request
    this.#ask = ask
    this.#late = new Promise((_, reject) => {
      this.#letGo = reject
    })
    this.#late.catch(() => undefined)
  }

  async run(): Promise<Answer> {
    const found = await this.#parts.records.read(this.#place)
    const outcome =
      this.#outcomeOf(found, found) ?? (await Promise.race([this.#fly(found), this.#late]))
    switch (outcome.kind) {
      case 'answered':
        return outcome.answer
      case 'renewed':
        return this.#reuse(outcome.token)
      case 'refused':
        return await this.#authorize(outcome.answer)
      case 'gone':
        publishSession('refreshRecordGone')
        return await this.#authorize(removedAnswer())
    }
  }

  #fly(found: AccessToken | null): Promise<Outcome> {
    const { records, flights, timing } = this.#parts
    const { endpoint, clientId, refreshToken, scope, resources } = this.#request
    return flights.run(
      fingerprint('refresh', endpoint, clientId, refreshToken, scope, resources),
      (signal) => this.#renew(found, signal),
      {
        recheck: async () => this.#outcomeOf(await records.read(this.#place), found),
        leaseMs: timing.leaseMs,
        waitMs: timing.waitMs,
        maxHoldMs: timing.leaseMs + timing.requestMs + timing.rescueMs,
        whenStoreFails: 'fail',
      },
    )
  }

  /**
   * What the record says, `undefined` when it has to be renewed. An authorization server that does not rotate leaves
   * the refresh token as it was: there only the access token, compared with the one found on arrival, tells.
   */
  #outcomeOf(record: AccessToken | null, found: AccessToken | null): Outcome | undefined {
    if (!record) return { kind: 'gone' }
    const untouched =
      record.refreshToken === this.#request.refreshToken &&
      record.accessToken === found?.accessToken
    if (untouched && !this.#isGood(record)) return undefined
    return { kind: 'renewed', token: record }
  }

  #isGood(record: AccessToken): boolean {
    const { refusedTokens, clock } = this.#parts
    if ((expiresAtMs(record) ?? Number.POSITIVE_INFINITY) <= clock.now()) return false
    return refusedTokens?.blameAnother(record) ?? false
  }

  async #renew(record: AccessToken | null, lost: AbortSignal): Promise<Outcome> {
    const { records, clients } = this.#parts
    const { refreshToken } = this.#request
    const rescued = await this.#rescuedByOthers(record, lost)
    if (rescued) return rescued
    const answer = await this.#ask()
    if (answer.status === 200) return await this.#keep(answer, record)
    await clients.noteClientRefusal(answer, this.#request, false)
    const refused =
      [400, 401, 403].includes(answer.status) && REFUSALS.has((await jsonOf(answer)).error)
    if (!refused) return { kind: 'answered', answer }
    publishSession('refreshRefused', answer.status)
    try {
      const removed = await records.remove(this.#place, refreshToken)
      const standing = removed ? null : await records.read(this.#place)
      // Somebody logged in meanwhile.
      if (standing && standing.refreshToken !== refreshToken) {
        return { kind: 'renewed', token: standing }
      }
    } catch {
      // The refusal says more than the store's failure; whoever reads the record meets the refusal itself.
    }
    return { kind: 'refused', answer }
  }

  /**
   * While the store was away leases ran out, and a process whose refresh had gone through could not save its pair: the token
   * that stands here is spent then, and sending it revokes the session. So that process goes first.
   */
  async #rescuedByOthers(
    found: AccessToken | null,
    lost: AbortSignal,
  ): Promise<Outcome | undefined> {
    const { records, clock, timing } = this.#parts
    // Once and for all: with one node of a Cluster down there may be trouble all the time.
    const until = records.troubledAtMs + timing.graceMs
    while (performance.now() < until) {
      await clock.sleep(GRACE_POLL_MS)
      const outcome = this.#outcomeOf(await records.read(this.#place), found)
      if (outcome) return outcome
      if (lost.aborted) {
        throw new RedisOAuthDatabaseError(
          'TIMEOUT',
          'The lease of the refresh was lost while Redis was away. Nothing was sent; try again',
        )
      }
    }
    return undefined
  }

  /** Saves the new pair before anybody gets it. */
  async #keep(answer: Answer, record: AccessToken | null): Promise<Outcome> {
    const { records, places, clock } = this.#parts
    const body = await jsonOf(answer)
    const { access_token: accessToken, expires_in: expiresIn } = body
    if (typeof accessToken !== 'string' || accessToken === '') return { kind: 'answered', answer }
    // RFC 6749 section 6: a server that issues no new refresh token leaves the old one in force.
    const refreshToken =
      typeof body.refresh_token === 'string' && body.refresh_token !== ''
        ? body.refresh_token
        : this.#request.refreshToken
    const token = renewedToken(
      record ?? { accessToken, resourceUrl: this.#place.resourceUrl },
      { accessToken, refreshToken, expiresIn },
      clock.now(),
    )
    const saved = await this.#parts.unsaved.saving(() => this.#save(token))
    const standing = saved === 'superseded' ? await records.read(this.#place) : null
    if (standing) return { kind: 'renewed', token: standing }
    // Not to be brought back: with a refusal the client saves nothing.
    if (saved !== 'replaced') return { kind: 'answered', answer: removedAnswer() }
    places.settle(this.#place, token)
    publishSession('refreshed', answer.status)
    if (body.refresh_token === refreshToken) return { kind: 'answered', answer }
    const amended = JSON.stringify({ ...body, refresh_token: refreshToken })
    return { kind: 'answered', answer: jsonAnswer(200, amended) }
  }

  /** The old pair is spent and the new one nowhere else: a store that fails gets time to recover. */
  async #save(token: AccessToken): Promise<Saved> {
    const { records, clock, timing } = this.#parts
    const { refreshToken } = this.#request
    const startedAt = performance.now()
    const until = startedAt + timing.rescueMs
    for (let pauseMs = 25; ; pauseMs = Math.min(pauseMs * 2, 500)) {
      try {
        return await records.replace(this.#place, refreshToken, token)
      } catch (error) {
        const passing = error instanceof RedisOAuthDatabaseError && SAVE_AGAIN_CODES.has(error.code)
        if (!passing || performance.now() + pauseMs > until) throw error
        if (performance.now() - startedAt >= timing.saveMs) this.#letGo(error)
      }
      await clock.sleep(pauseMs)
    }
  }

  #reuse(token: AccessToken): Answer {
    this.#parts.places.settle(this.#place, token)
    publishSession('refreshReused')
    return tokenAnswer(token, this.#parts.clock.now())
  }

  /**
   * After a refusal: the first to come authorizes anew, the others wait a while for what it saves. The claim is never
   * given back; it runs out, and then whoever still waits authorizes by itself.
   */
  async #authorize(refusal: Answer): Promise<Answer> {
    const { authorizeAnew, leases, records, clock, timing } = this.#parts
    if (!authorizeAnew) return refusal
    const claim = fingerprint('authorize', this.#place.user, this.#place.url)
    const until = performance.now() + timing.authorizeMs
    if (!(await leases.acquire(claim, newOwner(), timing.authorizeMs))) {
      while (performance.now() < until) {
        const record = await records.read(this.#place)
        if (record && record.refreshToken !== this.#request.refreshToken) return this.#reuse(record)
        await clock.sleep(AUTHORIZATION_POLL_MS)
      }
    }
    const error = await authorizeAnew(this.#place)
    if (error) throw error
    return refusal
  }
}
