import { expect, test, vi } from 'vitest'
import {
  boundedOwnRequest,
  boundedRequest,
  MAX_BODY_BYTES,
  readJson,
  unlessAborted,
} from '../../../../src/oauth/http/bounded-request.js'
import { holdTime } from '../../../support/held-time.js'

holdTime()

const never = new Promise<never>(() => undefined)

test('a request in time is passed on, with everything but the signal of the caller', async () => {
  const patience = new AbortController()
  const init = { method: 'POST', redirect: 'manual', signal: patience.signal } as const
  const seen: unknown[] = []
  const fetch = async (...given: unknown[]) => {
    seen.push(...given)
    return new Response('the answer', { status: 201, headers: { 'x-a': 'b' } })
  }
  const answer = await boundedRequest(fetch, 'https://auth.example/', init, 100)
  expect([answer.status, answer.headers.get('x-a')]).toEqual([201, 'b'])
  expect(await answer.text()).toBe('the answer')
  expect(seen).toEqual(['https://auth.example/', { ...init, signal: expect.any(AbortSignal) }])
  patience.abort()
  expect(seen[1]).toMatchObject({ signal: { aborted: false } })
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  ['an object', { 'content-type': 'text/plain', location: '/elsewhere' }],
  ['missing', undefined],
])('an answer whose headers are %s is passed on, as a wrapper may give one', async (_, headers) => {
  const fetch = async () => ({ status: 200, headers, text: async () => 'the answer' }) as never
  const answer = await boundedRequest(fetch, 'https://auth.example/', {}, 100)
  expect([answer.status, await answer.text()]).toEqual([200, 'the answer'])
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

test('a caller whose signal is aborted already gets its reason, and nothing begins', async () => {
  const begin = vi.fn(async () => 1)
  const reason = new Error('enough')
  await expect(unlessAborted(begin, AbortSignal.abort(reason))).rejects.toBe(reason)
  expect(begin).not.toHaveBeenCalled()
})

test('without a signal, or with one that stays quiet, the work decides', async () => {
  const quiet = new AbortController().signal
  expect(await unlessAborted(async () => 1, undefined)).toBe(1)
  expect(await unlessAborted(async () => 1, quiet)).toBe(1)
  const failing = async () => {
    throw new Error('no')
  }
  await expect(unlessAborted(failing, quiet)).rejects.toThrow('no')
})

const URL_OF_TOKEN = 'https://auth.example/token'
const POST = { method: 'POST', body: 'grant_type=refresh_token' }

/** An answer of so many bytes, one chunk at a time; what happens to its body is noted. */
function slowAnswer(chunks: Iterable<Uint8Array | Promise<never>>) {
  const iterator = chunks[Symbol.iterator]()
  const seen = { pulled: 0, isCancelled: false }
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = iterator.next()
        if (done) return controller.close()
        seen.pulled += 1
        controller.enqueue(await value)
      },
      cancel() {
        seen.isCancelled = true
      },
    },
    { highWaterMark: 0 },
  )
  return { seen, answer: new Response(body) }
}

function* endlessly(bytes: number): Generator<Uint8Array> {
  for (;;) yield new Uint8Array(bytes)
}

test('the limit covers the body too', async () => {
  const { answer } = slowAnswer([new Uint8Array(1), never])
  const request = boundedRequest(async () => answer, URL_OF_TOKEN, POST, 100)
  const outcome = expect(request).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' })
  await vi.advanceTimersByTimeAsync(100)
  await outcome
})

test('an endless body is read up to 1 MiB and cancelled', async () => {
  const { answer, seen } = slowAnswer(endlessly(64 * 1024))
  await expect(boundedRequest(async () => answer, URL_OF_TOKEN, POST, 100)).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    message: expect.stringMatching(/1048576/),
  })
  expect(seen.isCancelled).toBe(true)
  expect(seen.pulled).toBeLessThanOrEqual(18)
  expect(vi.getTimerCount()).toBe(0)
})

test('an endless body is given up at once where a copy of it is read', async () => {
  const { answer, seen } = slowAnswer(endlessly(64 * 1024))
  expect(await readJson(answer, 100)).toEqual({})
  expect(seen.pulled).toBeLessThanOrEqual(18)
})

test('a body of 1 MiB is whole, one byte more is refused', async () => {
  const whole = async () => new Response(new Uint8Array(MAX_BODY_BYTES))
  const answer = await boundedRequest(whole, URL_OF_TOKEN, POST, 100)
  expect((await answer.arrayBuffer()).byteLength).toBe(MAX_BODY_BYTES)
  const more = async () => new Response(new Uint8Array(MAX_BODY_BYTES + 1))
  await expect(boundedRequest(more, URL_OF_TOKEN, POST, 100)).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
  })
})

test.each([204, 205, 304, 999])('an answer with status %d arrives as it is', async (status) => {
  const answer = Object.defineProperties(new Response(null), {
    status: { value: status },
    url: { value: URL_OF_TOKEN },
  })
  const copy = await boundedRequest(async () => answer, URL_OF_TOKEN, POST, 100)
  expect([copy.status, copy.url, await copy.text()]).toEqual([status, URL_OF_TOKEN, ''])
})

test('an answer without a stream is read as text', async () => {
  const answer = { status: 200, headers: { get: () => null }, text: async () => 'words' }
  const copy = await boundedRequest(async () => answer as never, URL_OF_TOKEN, POST, 100)
  expect(await copy.text()).toBe('words')
})

function redirecting(status: number, location: string | null) {
  const asked: string[] = []
  const fetch = async (url: string | URL, init?: RequestInit) => {
    asked.push(String(url))
    expect(init).toMatchObject({ ...POST, redirect: 'manual' })
    if (asked.length > 1) return new Response('there')
    return new Response(null, { status, headers: location === null ? {} : { location } })
  }
  return { asked, fetch }
}

test.each([
  [307, 'https://evil.example/token'],
  [308, '//evil.example/token'],
  [307, 'http://auth.example/token'],
  [302, '/elsewhere'],
  [303, 'https://auth.example/token/'],
  [307, null],
  [308, 'http://['],
])('a %d to %s is not followed', async (status, location) => {
  const { asked, fetch } = redirecting(status, location)
  await expect(boundedRequest(fetch, URL_OF_TOKEN, POST, 100)).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
    message: expect.stringMatching(/redirected/),
  })
  expect(asked).toEqual([URL_OF_TOKEN])
})

test('a 307 to the same origin has the same request sent again', async () => {
  const { asked, fetch } = redirecting(307, '/v2/token')
  const answer = await boundedRequest(fetch, URL_OF_TOKEN, POST, 100)
  expect(await answer.text()).toBe('there')
  expect(asked).toEqual([URL_OF_TOKEN, 'https://auth.example/v2/token'])
})

test('redirects without end are given up', async () => {
  let asked = 0
  const fetch = async () => {
    asked += 1
    return new Response(null, { status: 308, headers: { location: '/token' } })
  }
  await expect(boundedRequest(fetch, URL_OF_TOKEN, POST, 100)).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
  })
  expect(asked).toBe(6)
})

test.each([
  [302, 'https://evil.example/', 302],
  [307, 'https://evil.example/', 307],
  [302, '/v2/token', 302],
  [307, '/v2/token', 200],
])(
  'a caller that wants redirects for itself gets of a %i to %s: %i',
  async (status, location, got) => {
    const { fetch } = redirecting(status, location)
    const init = { ...POST, redirect: 'manual' } as const
    expect((await boundedRequest(fetch, URL_OF_TOKEN, init, 100)).status).toBe(got)
  },
)

test('a caller that wants no redirect has none followed', async () => {
  const fetch = async (_url: string | URL, init?: RequestInit) => {
    expect(init?.redirect).toBe('error')
    return new Response(null, { status: 307, headers: { location: '/v2/token' } })
  }
  const init = { ...POST, redirect: 'error' } as const
  expect((await boundedRequest(fetch, URL_OF_TOKEN, init, 100)).status).toBe(307)
})

test('of a redirect that is followed no body is left open', async () => {
  const { answer, seen } = slowAnswer(endlessly(1))
  const redirect = new Response(answer.body, { status: 307, headers: { location: '/v2/token' } })
  const answers = [redirect, new Response('there')]
  const fetch = async () => answers.shift() as Response
  await boundedRequest(fetch, URL_OF_TOKEN, POST, 100)
  expect(seen.isCancelled).toBe(true)
})

test('an answer that a fetch brings from another origin all the same is refused', async () => {
  const answer = Object.defineProperty(new Response('{}'), 'url', {
    value: 'https://evil.example/token',
  })
  await expect(boundedRequest(async () => answer, URL_OF_TOKEN, POST, 100)).rejects.toMatchObject({
    code: 'OUTCOME_UNKNOWN',
  })
})

test("a request of one caller ends with the caller's signal", async () => {
  const caller = new AbortController()
  let signal: AbortSignal | null | undefined
  const fetch = (_: unknown, init?: RequestInit) => {
    signal = init?.signal
    return never
  }
  const init = { ...POST, signal: caller.signal }
  const request = boundedOwnRequest(fetch, URL_OF_TOKEN, init, 100)
  const reason = new Error('enough')
  const outcome = expect(request).rejects.toBe(reason)
  caller.abort(reason)
  await outcome
  expect(signal?.aborted).toBe(true)
  expect(
    await boundedOwnRequest(async () => new Response('a'), URL_OF_TOKEN, POST, 100),
  ).toHaveProperty('status', 200)
})
