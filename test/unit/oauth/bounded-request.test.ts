import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { boundedRequest, unlessAborted } from '../../../src/oauth/bounded-request.js'

beforeEach(() => {
  vi.useFakeTimers()
})

afterEach(() => {
  vi.useRealTimers()
})

const never = new Promise<never>(() => undefined)

test('a request in time is passed on, with everything but the signal of the caller', async () => {
  const answer = new Response('')
  const patience = new AbortController()
  const init = { method: 'POST', redirect: 'manual', signal: patience.signal } as const
  const seen: unknown[] = []
  const fetch = async (...given: unknown[]) => {
    seen.push(...given)
    return answer
  }
  expect(await boundedRequest(fetch, 'https://auth.example/', init, 100)).toBe(answer)
  expect(seen).toEqual(['https://auth.example/', { ...init, signal: expect.any(AbortSignal) }])
  patience.abort()
  expect(seen[1]).toMatchObject({ signal: { aborted: false } })
  expect(vi.getTimerCount()).toBe(0)
})

test('a request that takes too long is aborted and ends, whether or not the fetch listens', async () => {
  let signal: AbortSignal | null | undefined
  const deaf = (_: unknown, init?: RequestInit) => {
    signal = init?.signal
    return never
  }
  const request = boundedRequest(deaf, 'https://auth.example/', {}, 100)
  const outcome = expect(request).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  await vi.advanceTimersByTimeAsync(99)
  expect(signal?.aborted).toBe(false)
  await vi.advanceTimersByTimeAsync(1)
  expect(signal?.aborted).toBe(true)
  await outcome
})

test('a caller whose signal is aborted already gets its reason, and no rejection goes astray', async () => {
  const failing = Promise.reject(new Error('nobody listens to this'))
  const reason = new Error('enough')
  await expect(unlessAborted(failing, AbortSignal.abort(reason))).rejects.toBe(reason)
})

test('without a signal, or with one that stays quiet, the work decides', async () => {
  const quiet = new AbortController().signal
  expect(await unlessAborted(Promise.resolve(1), undefined)).toBe(1)
  expect(await unlessAborted(Promise.resolve(1), quiet)).toBe(1)
  await expect(unlessAborted(Promise.reject(new Error('no')), quiet)).rejects.toThrow('no')
})
