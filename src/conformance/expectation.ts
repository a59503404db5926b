import { isDeepStrictEqual } from 'node:util'

const POLL_MS = 10

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

/** Polls until `read` gives null, for at most `withinMs`. */
export async function expectNullSoon(
  what: string,
  withinMs: number,
  read: () => Promise<unknown>,
): Promise<void> {
  const deadline = Date.now() + withinMs
  let actual = await read()
  while (actual !== null && Date.now() < deadline) {
    await pause()
    actual = await read()
  }
  expectNull(`${what}, ${withinMs} ms later`, actual)
}

/** Resolves once this process' clock shows a later time. */
export async function clockPasses(timeMs: number): Promise<void> {
  while (Date.now() <= timeMs) await pause()
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, POLL_MS))
}

// What a database that keeps JSON can keep.
function plain(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value))
}

function show(value: unknown): string {
  return value === undefined ? 'undefined' : JSON.stringify(value)
}
