import {
  nameError,
  RedisOAuthDatabaseError,
  type RedisOAuthDatabaseErrorCode,
} from '../../leaves/errors.js'
import { type Source, untilAborted } from './abortable.js'
import { Window } from './window.js'

/** One token to store; without `expiresAt` it lives until it is deleted. */
export interface TokenEntry {
  readonly key: string
  readonly token: string
  readonly expiresAt?: Date | null | undefined
}

export interface StoreTokensProgress {
  /** Entries taken from the source so far. */
  readonly attempted: number
  /** Entries that Redis has acknowledged. */
  readonly stored: number
}

export interface StoreTokensOptions {
  /**
   * Called after about every 1000 entries and at the end. What it throws ends the import.
   * @example
   * ```ts
   * const entries = [{ key: 'user_123', token: 'token_value' }]
   * await db.storeTokens(entries, {
   *   onProgress: ({ attempted, stored }) => console.info(attempted, stored),
   * })
   * ```
   */
  readonly onProgress?: ((progress: StoreTokensProgress) => void) | undefined
  /**
   * Ends the import: what was sent is waited for, nothing more is taken.
   * @example
   * ```ts
   * const entries = [{ key: 'user_123', token: 'token_value' }]
   * await db.storeTokens(entries, { signal: AbortSignal.timeout(60_000) })
   * ```
   */
  readonly signal?: AbortSignal | undefined
}

/** An entry that was taken and not stored, or of which that is unknown (`OUTCOME_UNKNOWN`). */
export interface StoreTokensFailure {
  /** Position in the source, from 0. */
  readonly index: number
  readonly key: string | undefined
  readonly code: RedisOAuthDatabaseErrorCode
  readonly message: string
}

/**
 * Why `storeTokens` stopped. Its `code` and message are those of the first failure. Of the entries from 0 to
 * `attempted - 1` all but `failures` are stored; from `attempted` on none was taken.
 */
export class StoreTokensError extends RedisOAuthDatabaseError {
  readonly attempted: number
  readonly stored: number
  readonly failures: readonly StoreTokensFailure[]

  constructor(
    code: RedisOAuthDatabaseErrorCode,
    message: string,
    progress: StoreTokensProgress,
    failures: readonly StoreTokensFailure[],
    options?: { cause?: unknown },
  ) {
    super(code, message, options)
    this.attempted = progress.attempted
    this.stored = progress.stored
    this.failures = failures
  }

  override get name(): string {
    return 'StoreTokensError'
  }

  /** @internal */
  override named(operation: string, server: string): StoreTokensError {
    return nameError(this, operation, server)
  }
}

// Enough to fill the wire and few enough to hold in memory.
const MAX_IN_FLIGHT = 400
const PROGRESS_EVERY = 1_000

/** @throws TypeError that names the option and what it takes */
export function checkImportOptions(options: StoreTokensOptions): void {
  if (typeof options !== 'object' || options === null)
    throw new TypeError('options must be an object')
  const { onProgress, signal } = options
  if (onProgress !== undefined && typeof onProgress !== 'function') {
    throw new TypeError('options.onProgress must be a function')
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new TypeError('options.signal must be an AbortSignal')
  }
}

/**
 * Stores entries as they come, at most 400 at a time without an answer.
 * @param store - sends one entry before it returns; throws a `TypeError` for one that is not valid
 * @param givenUp - aborts when the database is closed and can wait no longer
 * @throws StoreTokensError
 */
export async function importTokens(
  entries: Source<TokenEntry>,
  store: (entry: TokenEntry) => Promise<void>,
  { onProgress, signal }: StoreTokensOptions = {},
  givenUp?: AbortSignal | undefined,
): Promise<{ stored: number }> {
  const failed = new AbortController()
  const ends = [signal, givenUp, failed.signal].filter((end) => end !== undefined)
  const isEnded = (): boolean => ends.some(({ aborted }) => aborted)
  const window = new Window(MAX_IN_FLIGHT)
  const failures: (StoreTokensFailure & { readonly error: unknown })[] = []
  let attempted = 0
  let stored = 0
  let sourceFailure: { readonly cause: unknown } | undefined
  const take = async (entry: TokenEntry, index: number): Promise<void> => {
    try {
      if (typeof entry !== 'object' || entry === null) throw new TypeError('it must be an object')
      await store(entry)
      stored += 1
    } catch (error) {
      failures.push({ ...failureOf(entry, index, error), error })
      failed.abort()
    }
  }
  try {
    for await (const entry of isEnded() ? [] : untilAborted(entries, ends)) {
      window.add(take(entry, attempted))
      attempted += 1
      if (window.isFull) await window.hasRoom()
      if (isEnded()) break
      if (attempted % PROGRESS_EVERY === 0) onProgress?.({ attempted, stored })
    }
  } catch (cause) {
    sourceFailure = { cause }
  }
  await window.isEmpty()
  const progress = { attempted, stored }
  failures.sort((one, other) => one.index - other.index)
  const [first] = failures
  if (first !== undefined) {
    const listed = failures.map(({ error, ...failure }) => failure)
    throw new StoreTokensError(first.code, first.message, progress, listed, { cause: first.error })
  }
  const end = endOf(progress, signal, givenUp)
  if (end !== undefined) throw end
  if (sourceFailure !== undefined) throw failureOfSource(progress, sourceFailure.cause)
  try {
    onProgress?.(progress)
  } catch (cause) {
    throw failureOfSource(progress, cause)
  }
  return { stored }
}

function endOf(
  progress: StoreTokensProgress,
  signal: AbortSignal | undefined,
  givenUp: AbortSignal | undefined,
): StoreTokensError | undefined {
  const after = `ended it after ${progress.attempted} entries`
  if (signal?.aborted) return new StoreTokensError('ABORTED', `its signal ${after}`, progress, [])
  if (givenUp?.aborted) return new StoreTokensError('CLOSED', `close() ${after}`, progress, [])
  return undefined
}

function failureOfSource(progress: StoreTokensProgress, cause: unknown): StoreTokensError {
  const message = 'the source of the entries, or onProgress, threw. See cause'
  return new StoreTokensError('SOURCE_FAILED', message, progress, [], { cause })
}

/** Reading it may be what failed. */
function keyOf(entry: TokenEntry): string | undefined {
  try {
    return typeof entry?.key === 'string' ? entry.key : undefined
  } catch {
    return undefined
  }
}

function failureOf(entry: TokenEntry, index: number, error: unknown): StoreTokensFailure {
  const key = keyOf(entry)
  if (error instanceof RedisOAuthDatabaseError) {
    const { code, message } = error
    return { index, key, code, message: `entries[${index}]: ${message}` }
  }
  const reason = error instanceof Error ? error.message : String(error)
  return { index, key, code: 'INVALID_ENTRY', message: `entries[${index}]: ${reason}` }
}
