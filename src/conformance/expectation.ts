import { isDeepStrictEqual } from 'node:util'
import { systemClock } from '../leaves/clock.js'

const POLL_MS = 10
const SECOND_MS = 1_000
/** Of which second an expiry is set: where in it decides what a lifetime in whole seconds is rounded to. */
const EARLY_FROM_MS = 100
const EARLY_TO_MS = 500
const ATTEMPTS = 5

/** By when a record is gone that ends: a database may round to a whole second, and follow another clock a little off. */
export const ENDS_WITHIN_MS = 1_200

/** Throws unless `actual` is `expected`, however its members are ordered; a member that is undefined counts as left out. */
export function expectRecord(what: string, actual: unknown, expected: unknown): void {
  if (isDeepStrictEqual(plain(actual), plain(expected))) return
  throw new Error(`${what}: expected ${show(expected)}, got ${show(actual)}`)
}

export function expectNull(what: string, actual: unknown): void {
  if (actual !== null) throw new Error(`${what}: expected null, got ${show(actual)}`)
}

export function expectOneOf(what: string, actual: unknown, expected: readonly unknown[]): void {
  if (expected.some((one) => isDeepStrictEqual(plain(actual), plain(one)))) return
  throw new Error(`${what}: got ${show(actual)}, which is none of the records that were saved`)
}

/** Polls until `read` gives null, at most until a database that rounds to a second has ended the record. */
export async function expectNullSoon(
  what: string,
  expiresAtMs: number,
  read: () => Promise<unknown>,
): Promise<void> {
  const deadline = expiresAtMs + ENDS_WITHIN_MS
  let actual = await read()
  while (actual !== null && Date.now() < deadline) {
    await systemClock.sleep(POLL_MS)
    actual = await read()
  }
  expectNull(`${what}, ${ENDS_WITHIN_MS} ms after its expiry`, actual)
}

/**
 * Does something with records that end soon, and gives its result and when they end. `work` gets the expiry in seconds; it
 * has ended a second before that, since a database that rounds lifetimes down may end the records then. Work that is too
 * slow for it is done again, with a second more each time.
 *
 * Databases that round up, down or not at all each do the same every time, as the expiry is a whole second and the work
 * begins early in one.
 */
export async function withShortLife<T>(
  work: (expiresAt: number) => Promise<T>,
): Promise<{ result: T; expiresAtMs: number }> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const expiresAt = (await earlyInASecond()) + attempt + 1
    const result = await work(expiresAt)
    const expiresAtMs = expiresAt * SECOND_MS
    if (Date.now() < expiresAtMs - SECOND_MS) return { result, expiresAtMs }
  }
  throw new Error(`The database took more than ${ATTEMPTS} s to save and read`)
}

/** Waits for the early part of a second, and gives that second. */
async function earlyInASecond(): Promise<number> {
  for (;;) {
    const now = Date.now()
    const since = now % SECOND_MS
    if (since >= EARLY_FROM_MS && since <= EARLY_TO_MS) return Math.floor(now / SECOND_MS)
    await systemClock.sleep(POLL_MS)
  }
}

/** Resolves once this process' clock shows a later time. */
export async function clockPasses(timeMs: number): Promise<void> {
  while (Date.now() <= timeMs) await systemClock.sleep(POLL_MS)
}

// What a database that keeps JSON can keep.
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function show(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value)
}
