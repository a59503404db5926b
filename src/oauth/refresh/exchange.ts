import type { AccessToken } from '../../leaves/contract.js'
import { publishSession, type SessionEvent } from '../../leaves/diagnostics.js'
import {
  type Answer,
  isSuccess,
  isTokenResponse,
  jsonOf,
  refusesRefresh,
  removedAnswer,
  renewedAnswer,
  renewedToken,
} from '../http/answers.js'
import type { RefreshRequest } from '../http/requests.js'
import type { RefreshRecords } from '../places/records.js'
import type { SentToken, SentTokenParts } from '../places/sent-token.js'
import type { TokenPlace } from '../places/token-places.js'
import type { FlightTiming } from '../timing.js'
import type { ClientRefusals } from '../trust/client-refusals.js'
import type { Outcome } from './outcome.js'
import type { Rests } from './rests.js'
import { saveUntilSaved } from './saving.js'
import type { UnsavedPairs } from './unsaved-pairs.js'

export interface ExchangeParts extends SentTokenParts {
  readonly records: RefreshRecords
  readonly clients: ClientRefusals
  readonly unsaved: UnsavedPairs
  readonly timing: FlightTiming
}

/** Who asked for a refresh. */
export interface RefreshCaller {
  /** Of its call, by `performance.now()`. */
  readonly startedAtMs: number
  /** Called when it need not wait any longer for the save, which goes on. */
  letGo(error: unknown): void
}

/** The request itself, and what becomes of its answer: `awaitingAnswer` and `saving` of the model. `clearing` follows with the lease's end. */
export class Exchange {
  readonly #parts: ExchangeParts
  readonly #request: RefreshRequest
  readonly #sent: SentToken
  readonly #rests: Rests
  readonly #caller: RefreshCaller

  constructor(
    parts: ExchangeParts,
    request: RefreshRequest,
    sent: SentToken,
    rests: Rests,
    caller: RefreshCaller,
  ) {
    this.#parts = parts
    this.#request = request
    this.#sent = sent
    this.#rests = rests
    this.#caller = caller
  }

  /** Nothing is awaited before the request: the right to send it ends with time. */
  async run(ask: () => Promise<Answer>): Promise<Outcome> {
    let answer: Answer
    try {
      answer = await ask()
    } catch (error) {
      await this.#rests.note(undefined)
      const stored = this.#sent.stillValid()
      if (stored !== undefined) return { kind: 'renewed', stored }
      throw error
    }
    const noted = this.#rests.note(answer)
    if (isSuccess(answer)) return await this.#keep(answer)
    await noted
    if (answer.status !== 429 && answer.status < 500) return await this.#refuse(answer)
    const stored = this.#sent.stillValid()
    return stored === undefined ? this.#fail(answer) : { kind: 'renewed', stored }
  }

  /** For the client to make something of. */
  #fail(answer: Answer): Outcome {
    this.#tell('refreshFailed', answer)
    return { kind: 'answered', answer }
  }

  #tell(event: SessionEvent['event'], { status }: Answer): void {
    publishSession(event, { status }, this.#caller.startedAtMs)
  }

  async #refuse(answer: Answer): Promise<Outcome> {
    const { records, clients } = this.#parts
    await clients.noteClientRefusal(answer, this.#request, false)
    if (!refusesRefresh(answer, await jsonOf(answer))) return this.#fail(answer)
    this.#tell('refreshRefused', answer)
    try {
      const { places } = this.#sent
      await Promise.all(places.map((place) => records.remove(place, this.#request.refreshToken)))
      // Somebody may have logged in meanwhile.
      const found = await this.#sent.look()
      if (found.kind === 'renewed' && !this.#sent.isSame(found.stored.token)) return found
    } catch {
      // The refusal says more than the store's failure; whoever reads the record meets the refusal itself.
    }
    return { kind: 'refused', answer }
  }

  /** Saves the new pair before anybody gets it, at each place that holds the one that was sent. */
  async #keep(answer: Answer): Promise<Outcome> {
    const { refreshToken } = this.#request
    const body = await jsonOf(answer)
    if (!isTokenResponse(body)) return this.#fail(answer)
    const now = this.#parts.clock.now()
    const { places } = this.#sent
    const holders = [...this.#sent.holders()].map(
      ([place, sent]) => [place, renewedToken(sent, body, refreshToken, now), sent] as const,
    )
    // The lease is held until the last of them has ended.
    const saves = await Promise.allSettled(
      holders.map(([place, token, sent]) => this.#save(place, sent, token)),
    )
    if (saves.some((save) => save.status === 'fulfilled' && save.value)) {
      this.#tell('refreshed', answer)
      const failed = holders.filter((_, index) => saves[index]?.status === 'rejected')
      const others = places.filter((place) => !failed.some(([one]) => one === place))
      const [holder] = holders
      if (holder !== undefined) this.#sent.expectEchoes(holder[1], others)
      return { kind: 'answered', answer: renewedAnswer(answer, body, refreshToken, now) }
    }
    for (const save of saves) if (save.status === 'rejected') throw save.reason
    const found = await this.#sent.look()
    // Not to be brought back: with a refusal the client saves nothing.
    if (found.kind === 'renewed') return found
    publishSession('refreshRecordGone', {}, this.#caller.startedAtMs)
    return { kind: 'answered', answer: removedAnswer() }
  }

  /** Whether the pair stands there now. */
  async #save(place: TokenPlace, sent: AccessToken, token: AccessToken): Promise<boolean> {
    const { records, unsaved, clock, timing } = this.#parts
    const origin = this.#sent.originAt(place)
    const saved = await unsaved.saving(() =>
      saveUntilSaved(
        () => records.replace(place, sent, token, origin),
        (error) => this.#caller.letGo(error),
        clock,
        timing,
      ),
    )
    if (saved === 'replaced') this.#sent.remember(place, { token, origin })
    return saved === 'replaced'
  }
}
