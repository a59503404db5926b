import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Flights } from '../../../../src/flight/single-flight.js'
import { systemClock } from '../../../../src/leaves/clock.js'
import { RedisOAuthDatabaseError } from '../../../../src/leaves/errors.js'
import { Logins } from '../../../../src/oauth/refresh/logins.js'
import { ClientSession } from '../../../../src/oauth/session/client-session.js'
import { TIMING_DEFAULTS } from '../../../../src/oauth/timing.js'
import { MemoryStore } from '../../../support/oauth/memory-store.js'

const PLACE = { userId: 'base:0xabc', url: 'https://mcp.example/mcp' }
const SAVED = 'the access token'
/** As long as the wait for a login lasts. */
const { loginMs } = TIMING_DEFAULTS

let store: MemoryStore
let saved: string | undefined
let failure: RedisOAuthDatabaseError | undefined

beforeEach(() => {
  vi.useFakeTimers()
  store = new MemoryStore()
  saved = undefined
  failure = undefined
  store.step = () => {
    if (failure) throw failure
  }
})
afterEach(() => void vi.useRealTimers())

const TIMEOUT = new RedisOAuthDatabaseError('TIMEOUT', 'no answer within commandTimeout')

async function look(): Promise<string | undefined> {
  if (failure) throw failure
  return saved
}

interface Caller {
  readonly session: ClientSession
  /** `undefined` for as long as it waits, `login` once it is to log in, else what it found. */
  outcome: string | undefined
}

/** One in a process of its own. */
function startCaller(): Caller {
  const session = new ClientSession({ isInteractive: false })
  const logins = new Logins(new Flights(store), session, TIMING_DEFAULTS, systemClock)
  const caller: Caller = { session, outcome: undefined }
  void logins.take(PLACE, look).then((found) => {
    caller.outcome = found ?? 'login'
  })
  return caller
}

const outcomesOf = (callers: readonly Caller[]) => callers.map(({ outcome }) => outcome)

test('those who wait for a login go on waiting while Redis fails, and take what is saved', async () => {
  const first = startCaller()
  await vi.advanceTimersByTimeAsync(10)
  const others = Array.from({ length: 7 }, startCaller)
  await vi.advanceTimersByTimeAsync(10)
  failure = TIMEOUT
  const late = startCaller()
  await vi.advanceTimersByTimeAsync(2_500)
  expect(outcomesOf([first, late, ...others])).toEqual(['login', ...Array(8).fill(undefined)])
  failure = undefined
  saved = SAVED
  await vi.advanceTimersByTimeAsync(1_000)
  expect(outcomesOf([late, ...others])).toEqual(Array(8).fill(SAVED))
})

test('where nobody logs in, one of those who met a failing Redis does', async () => {
  failure = TIMEOUT
  const callers = Array.from({ length: 8 }, startCaller)
  await vi.advanceTimersByTimeAsync(2_500)
  expect(outcomesOf(callers)).toEqual(Array(8).fill(undefined))
  failure = undefined
  await vi.advanceTimersByTimeAsync(1_000)
  expect(outcomesOf(callers).filter((outcome) => outcome === 'login')).toHaveLength(1)
})

test('a caller waits no longer for a Redis that fails than for another login', async () => {
  failure = TIMEOUT
  const caller = startCaller()
  await vi.advanceTimersByTimeAsync(loginMs - 1)
  expect(caller.outcome).toBeUndefined()
  await vi.advanceTimersByTimeAsync(1)
  expect(caller.outcome).toBe('login')
})

test('nobody waits once the database is closed', async () => {
  failure = new RedisOAuthDatabaseError('CLOSED', 'closed')
  const caller = startCaller()
  await vi.advanceTimersByTimeAsync(0)
  expect(caller.outcome).toBe('login')
})
