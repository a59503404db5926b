import type { Composition } from '../../database/composition.js'
import type { UnixMs } from '../../leaves/clock.js'
import type { AccessToken } from '../../leaves/contract.js'
import { DEFAULTS } from '../../leaves/defaults.js'
import { isUnreadable, RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { decodePublished, LAYOUTS, type PublishedLayout } from '../../record/published.js'
import { type ImportResult, Intake } from '../transfer/intake.js'
import { type Incoming, type Outcome, put, type RefusalReason } from '../transfer/put.js'
import type { ImportPublishedOptions } from './import-published.js'
import type { PublishedEntry, PublishedSource } from './source.js'

/** A refresh token is good for the client alone that it was issued to, so registrations come first. */
const ORDER = ['client_credentials', 'access_token', 'pkce'] as const

/** One import from one place. */
export class PublishedImport {
  readonly #parts: Composition
  readonly #options: ImportPublishedOptions
  readonly #givenUp: AbortSignal
  readonly #intake = new Intake(undefined)
  #seen = 0

  constructor(parts: Composition, options: ImportPublishedOptions, givenUp: AbortSignal) {
    this.#parts = parts
    this.#options = options
    this.#givenUp = givenUp
  }

  async run(source: PublishedSource): Promise<ImportResult> {
    try {
      for (const layout of ORDER) {
        await this.#takeAll(layout, source)
        // Before anybody finds a refresh token, the client that it was issued to stands.
        await this.#intake.end()
        this.#checkEnded()
      }
    } catch (error) {
      // What was sent is waited for: nothing is written after this has failed.
      await this.#intake.end().catch(() => {})
      throw error
    }
    this.#options.onProgress?.({ seen: this.#seen, ...this.#intake.counts })
    return this.#intake.counts
  }

  async #takeAll(layout: PublishedLayout, source: PublishedSource): Promise<void> {
    for await (const entries of source.entries(layout)) {
      for (const entry of entries) {
        if (this.#isEnded) return
        this.#seen += 1
        await this.#intake.take(this.#seen, this.#putAll(layout, entry))
      }
      this.#options.onProgress?.({ seen: this.#seen, ...this.#intake.counts })
    }
  }

  get #isEnded(): boolean {
    const ends = [this.#intake.failed, this.#givenUp, this.#options.signal]
    return ends.some((end) => end?.aborted === true)
  }

  #checkEnded(): void {
    const after = `ended it after ${this.#seen} records; call it again to continue`
    if (this.#options.signal?.aborted) {
      throw new RedisOAuthDatabaseError('ABORTED', `its signal ${after}`)
    }
    if (this.#givenUp.aborted) throw new RedisOAuthDatabaseError('CLOSED', `close() ${after}`)
  }

  /** What becomes of the records that an entry stands for. */
  async #putAll(layout: PublishedLayout, entry: PublishedEntry): Promise<Outcome[]> {
    const incoming = await this.#incomingOf(layout, entry)
    if (typeof incoming === 'string') return [this.#told(entry, incoming)]
    const { overwrite = DEFAULTS.import.overwrite } = this.#options
    const outcomes: Outcome[] = []
    for (const record of incoming) {
      const outcome = await put(this.#parts, record, overwrite)
      outcomes.push(this.#told(entry, outcome))
    }
    return outcomes
  }

  #told({ key }: PublishedEntry, outcome: Outcome): Outcome {
    if (outcome !== 'added' && outcome !== 'kept') {
      this.#options.onRefused?.({ key, why: outcome })
    }
    return outcome
  }

  async #incomingOf(
    layout: PublishedLayout,
    { names, row, expiresAt }: PublishedEntry,
  ): Promise<Incoming[] | RefusalReason> {
    if (row === undefined) return 'notARecord'
    if (names === undefined) return 'ambiguous'
    const { decrypt = (text: string): string => text } = this.#options
    try {
      const record = await decodePublished(layout, row, decrypt)
      return incomingOf(layout, names, record, expiresAt)
    } catch (error) {
      if (isUnreadable(error)) return 'unreadable'
      throw error
    }
  }
}

function incomingOf(
  layout: PublishedLayout,
  [first, second]: readonly [string, string],
  record: object,
  expiresAt: UnixMs | null,
): Incoming[] {
  const text = JSON.stringify(record)
  const { kind } = LAYOUTS[layout]
  if (kind === 'client') {
    const registration = { userId: '', name: first, text, expiresAt: null }
    return [
      { kind, ...registration },
      { kind: 'resource', ...registration },
    ]
  }
  const { refreshToken, expiresAt: ends } = record as Partial<AccessToken>
  // The published class ended a refresh token with its access token.
  const lives = refreshToken || ends ? null : expiresAt
  return [{ kind, userId: first, name: second, text, expiresAt: lives }]
}
