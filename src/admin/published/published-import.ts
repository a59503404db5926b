import type { UnixMs } from '../../clock.js'
import type { Composition } from '../../composition.js'
import type { AccessToken } from '../../contract.js'
import { isUnreadable, RedisOAuthDatabaseError } from '../../errors.js'
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
  #position = 0

  constructor(parts: Composition, options: ImportPublishedOptions, givenUp: AbortSignal) {
    this.#parts = parts
    this.#options = options
    this.#givenUp = givenUp
  }

  async run(source: PublishedSource): Promise<ImportResult> {
    for (const layout of ORDER) {
      for await (const entries of source.entries(layout)) {
        for (const entry of entries) await this.#take(layout, entry)
        this.#seen += entries.length
        this.#options.onProgress?.({ seen: this.#seen, ...this.#intake.counts })
        if (this.#isEnded) break
      }
      // Before anybody finds a refresh token, the client that it was issued to stands.
      await this.#intake.end()
      this.#checkEnded()
    }
    this.#options.onProgress?.({ seen: this.#seen, ...this.#intake.counts })
    return this.#intake.counts
  }

  get #isEnded(): boolean {
    return this.#intake.hasFailed || this.#givenUp.aborted || this.#options.signal?.aborted === true
  }

  #checkEnded(): void {
    const after = `ended it after ${this.#seen} records; call it again to go on`
    if (this.#options.signal?.aborted) {
      throw new RedisOAuthDatabaseError('ABORTED', `its signal ${after}`)
    }
    if (this.#givenUp.aborted) throw new RedisOAuthDatabaseError('CLOSED', `close() ${after}`)
  }

  async #take(layout: PublishedLayout, entry: PublishedEntry): Promise<void> {
    const incoming = await this.#incomingOf(layout, entry)
    if (typeof incoming === 'string') return this.#put(entry, incoming)
    const overwrites = this.#options.overwrite === true
    for (const record of incoming) await this.#put(entry, put(this.#parts, record, overwrites))
    return undefined
  }

  async #put({ key }: PublishedEntry, work: Promise<Outcome> | Outcome): Promise<void> {
    const told = async (): Promise<Outcome> => {
      const outcome = await work
      if (outcome !== 'added' && outcome !== 'kept') {
        this.#options.onRefused?.({ key, why: outcome })
      }
      return outcome
    }
    this.#position += 1
    await this.#intake.take(this.#position, told())
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
