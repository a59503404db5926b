import type { Clock } from '../../leaves/clock.js'
import type { FetchLike } from '../../leaves/contract.js'
import { publishSession } from '../../leaves/diagnostics.js'
import { isExpired } from '../../record/lifetime.js'
import type { StoredToken } from '../../record/origin.js'
import { type Answer, discard, type FetchInit } from '../http/answers.js'
import { unlessAborted } from '../http/bounded-request.js'
import { isAtOrBelow } from '../places/echoes.js'
import type { RefreshRecords } from '../places/records.js'
import type { TokenPlaces } from '../places/token-places.js'
import type { Logins } from '../refresh/logins.js'
import { askingForLogin, askingForRefresh, asksForRefresh } from './challenge.js'
import type { ClientSession } from './client-session.js'
import { pathsUpFrom, type SessionPlace } from './handed-out.js'
import { type RenewalParts, renew } from './renewal.js'
import { bearerToken, isAuthorized, isResendable, withBearer } from './resending.js'

export interface RefusedRequestsParts {
  /** Sends to resource servers, and notes the tokens that they refuse. */
  readonly fetch: FetchLike
  readonly session: ClientSession
  readonly logins: Logins
  readonly records: RefreshRecords
  readonly places: TokenPlaces
  readonly renewal: RenewalParts
  readonly clock: Clock
}

/** What to send the request with, or what to hand to the client. */
type Next = { token: string; isRenewed?: boolean } | { answer: Answer }

const MAX_RESENDS = 3

/**
 * What a resource server's 401 comes to. Most servers say nothing but 401, and to that clients log in anew, each by itself. Here
 * the session is renewed once for all processes, or one of them logs in, and the request is sent again with what came of it. So
 * the client hears of a 401 only if it is for this very client to log in.
 */
export class RefusedRequests {
  readonly #parts: RefusedRequestsParts

  constructor(parts: RefusedRequestsParts) {
    this.#parts = parts
  }

  /**
   * Whose request this is, if it carries no token. To be asked right before it is sent: until its answer comes, others may have looked for
   * a session in vain.
   */
  userOf(url: string | URL, init: FetchInit): string | undefined {
    const calledUrl = isAuthorized(init) ? undefined : pathOf(url)
    return calledUrl === undefined
      ? undefined
      : this.#parts.session.handedOut.userWithout(calledUrl)
  }

  /** @param user - who sent it, if it carried no token and that is known */
  async answer(
    url: string | URL,
    init: FetchInit,
    refused: Answer,
    userId: string | undefined,
  ): Promise<Answer> {
    // A server that asks for a refresh by itself has it from the client.
    if (!isResendable(init) || asksForRefresh(refused)) return refused
    const calledUrl = pathOf(url)
    if (calledUrl === undefined || isOfAnother(refused, calledUrl)) return refused
    const { signal } = (init ?? {}) as { signal?: unknown }
    let sent = bearerToken(init)
    const place = this.#placeOf(calledUrl, sent, userId)
    if (place === undefined) return refused
    let answer = refused
    let mayRenew = true
    for (let resends = 0; resends < MAX_RESENDS; resends += 1) {
      const met = answer
      const token = sent
      const next = await unlessAborted(
        () => this.#next(place, calledUrl, token, met, mayRenew),
        signal,
      )
      if ('answer' in next) return next.answer
      discard(answer)
      // A server that refuses what it has just had renewed does so again.
      if (next.isRenewed) mayRenew = false
      sent = next.token
      answer = await this.#parts.fetch(url, withBearer(init, sent))
      if (answer.status !== 401 || asksForRefresh(answer)) return answer
    }
    return askingForLogin(answer)
  }

  /** Of the token that was sent, if it is this database's and one for the called url; of who was found to have none. */
  #placeOf(
    calledUrl: string,
    sent: string | undefined,
    userId: string | undefined,
  ): SessionPlace | undefined {
    if (sent !== undefined) {
      const place = this.#parts.session.handedOut.placeOf(sent)
      return place && pathsUpFrom(calledUrl).includes(place.url) ? place : undefined
    }
    return userId === undefined ? undefined : { userId, url: calledUrl }
  }

  async #next(
    place: SessionPlace,
    calledUrl: string,
    sent: string | undefined,
    met: Answer,
    mayRenew: boolean,
  ): Promise<Next> {
    const { records, places, renewal, session } = this.#parts
    const { userId, url } = place
    const look = (): Promise<string | undefined> => this.#usable(userId, calledUrl, sent)
    const found = await look()
    if (found !== undefined) return { token: found }
    const stored = sent === undefined ? null : await records.read({ userId, url, resourceUrl: '' })
    const renews = mayRenew && Boolean(stored?.token.refreshToken)
    if (stored !== null && renews) {
      places.remember(userId, url, stored.token, stored.origin)
      const outcome = await renew(stored, renewal)
      if (outcome.kind === 'renewed') return { token: outcome.accessToken, isRenewed: true }
      if (outcome.kind === 'elsewhere') return { answer: askingForRefresh(met) }
    }
    const startedAtMs = performance.now()
    const saved = await this.#parts.logins.take({ userId, url: calledUrl }, look)
    if (saved !== undefined) {
      publishSession('loginReused', {}, startedAtMs)
      return { token: saved }
    }
    publishSession('loginNeeded', {}, startedAtMs)
    if (mayRenew && !renews) session.doubtClient()
    return { answer: askingForLogin(met) }
  }

  /** A token of the session that may be good: not the one that was sent, not expired, and refused by nobody. */
  async #usable(
    userId: string,
    calledUrl: string,
    sent: string | undefined,
  ): Promise<string | undefined> {
    const { records } = this.#parts
    for (const url of pathsUpFrom(calledUrl)) {
      const stored = await records.read({ userId, url, resourceUrl: '' })
      if (stored !== null && this.#isUsable(stored, sent)) return stored.token.accessToken
    }
    return undefined
  }

  #isUsable({ token }: StoredToken, sent: string | undefined): boolean {
    const { session, clock } = this.#parts
    if (token.accessToken === sent || isExpired(token, clock.now())) return false
    return !session.refusedTokens.isRefused(token)
  }
}

/** Whether a redirect has led to what is not at or below the called url, its last slash apart: a session there is another. */
function isOfAnother(answer: Answer, calledUrl: string): boolean {
  const { redirected, url = '' } = answer as { redirected?: unknown; url?: string }
  return redirected === true && !isAtOrBelow(calledUrl.replace(/\/$/, ''), pathOf(url) ?? '')
}

/** As clients name the place of a session: without query and fragment. */
function pathOf(url: string | URL): string | undefined {
  try {
    const { origin, pathname } = new URL(url)
    return `${origin}${pathname}`
  } catch {
    return undefined
  }
}
