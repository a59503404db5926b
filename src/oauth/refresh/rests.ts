import { fingerprint } from '../../flight/fingerprint.js'
import { publishSession } from '../../leaves/diagnostics.js'
import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import type { Answer } from '../http/answers.js'
import type { RefreshRequest } from '../http/requests.js'

/** An authorization server that fails is left in peace: no request goes out while this lasts. */
export interface Rest {
  /** How often it has failed since it last answered. */
  readonly failures: number
  /** How long the rest is in all. Milliseconds. */
  readonly restMs: number
  /** Until the next request may go out. Milliseconds; not above 0 when it may now. */
  readonly leftMs: number
  /** One caller may send now, to see whether the server answers again; the others wait for what becomes of that. */
  readonly isTrial: boolean
  /** As it stands in the store, to be told from another. */
  readonly text: string
}

/** Rests that all processes share. Each call is one round trip. */
export interface RestStore {
  /** Null while all is well. */
  look(name: string): Promise<Rest | null>
  /** As `look`. Where the rest is over, the caller may send, and others see a trial for `trialMs`. */
  enter(name: string, trialMs: number): Promise<Rest | null>
  /**
   * Counts a failure, unless another has come since `seen`: what is sent at the same time fails once. The rest is `retryAfterMs` long
   * if that is more than what follows from the failures.
   */
  fail(name: string, seen: string, retryAfterMs: number, reason: string): Promise<Rest | null>
  end(name: string): Promise<void>
}

/** Who waits goes on waiting for a rest as long as this, after a first failure. */
const SHORT_MS = 3_000
const MAX_RETRY_AFTER_MS = 300_000

/** How long a first rest is, and the next: doubled from there. */
export const REST_MS = { first: 1_000, second: 2_000, longest: 30_000 } as const

/** Failures are remembered for so long after a rest. */
export const REST_MEMORY_MS = 60_000

/** A rest that callers do not wait for. */
export function isLong({ failures, restMs, isTrial }: Rest): boolean {
  return !isTrial && (failures > 1 || restMs > SHORT_MS)
}

/**
 * What keeps one refresh from being sent: a rest of its token, or of all tokens of one issuer that this client sends to this endpoint.
 * Another issuer may name the same endpoint and client, and have requests fail there.
 */
export class Rests {
  readonly #store: RestStore
  readonly #ofToken: string
  readonly #ofEndpoint: string
  #seen = new Map<string, string>()

  /** @param issuer - of the token; undefined where it is not known */
  constructor(
    store: RestStore,
    { refreshToken, endpoint, clientId }: RefreshRequest,
    issuer: string | undefined,
  ) {
    this.#store = store
    this.#ofToken = restNameOf(refreshToken)
    this.#ofEndpoint = fingerprint('rest', endpoint, clientId, issuer ?? null)
  }

  /** The longer of the rests that go on. */
  async look(): Promise<Rest | null> {
    return this.#longest((name) => this.#store.look(name))
  }

  /** As `look`, by who sends if there is none. */
  async enter(trialMs: number): Promise<Rest | null> {
    return this.#longest((name) => this.#store.enter(name, trialMs))
  }

  async #longest(ask: (name: string) => Promise<Rest | null>): Promise<Rest | null> {
    const names = [this.#ofToken, this.#ofEndpoint]
    const rests = await Promise.all(names.map(ask))
    let longest: Rest | null = null
    for (const [index, rest] of rests.entries()) {
      this.#seen.set(names[index] as string, rest?.text ?? '')
      if (rest !== null && rest.leftMs > Math.max(0, longest?.leftMs ?? 0)) longest = rest
    }
    return longest
  }

  /** After an answer, or undefined for none. Never rejects: what the caller has to hear is the failure itself. */
  async note(answer: Answer | undefined): Promise<void> {
    const name = this.#restOf(answer)
    try {
      if (name === undefined) {
        await Promise.all([this.#store.end(this.#ofToken), this.#store.end(this.#ofEndpoint)])
        return
      }
      const reason = answer === undefined ? 'no answer' : String(answer.status)
      const seen = this.#seen.get(name) ?? ''
      const rest = await this.#store.fail(name, seen, retryAfterMsOf(answer), reason)
      if (rest === null) return
      const status = answer === undefined ? {} : { status: answer.status }
      publishSession('resting', { retryAfterMs: rest.leftMs, ...status })
    } catch {
      // The next to fail notes it.
    }
  }

  /** What a failure says something of; undefined for none. A 500 may be of this token alone. */
  #restOf(answer: Answer | undefined): string | undefined {
    if (answer === undefined || answer.status === 429 || answer.status === 503) {
      return this.#ofEndpoint
    }
    return answer.status >= 500 ? this.#ofToken : undefined
  }
}

/** The name of a refresh token's rest. */
export function restNameOf(refreshToken: string): string {
  return fingerprint('rest', refreshToken)
}

/** RFC 9110 section 10.2.3: seconds or a date. 0 where there is none. */
function retryAfterMsOf(answer: Answer | undefined): number {
  const value = answer?.headers.get('retry-after')?.trim() ?? ''
  const ms = /^\d+$/.test(value) ? Number(value) * 1_000 : Date.parse(value) - Date.now()
  return ms > 0 ? Math.ceil(Math.min(ms, MAX_RETRY_AFTER_MS)) : 0
}

export function restingFailure({ leftMs, failures }: Rest): RedisOAuthDatabaseError {
  const seconds = Math.ceil(leftMs / 1_000)
  const error = new RedisOAuthDatabaseError(
    'REFRESH_RESTING',
    `the authorization server failed ${failures} time(s) in a row, so no refresh is sent to it for ${seconds} s. The session was ` +
      'not changed; retry after retryAfterMs, and check the authorization server',
  )
  return Object.assign(error, { retryAfterMs: Math.max(1, Math.ceil(leftMs)) })
}
