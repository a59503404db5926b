import { type TimeLimitOptions, within } from '../../leaves/clock.js'
import type { FetchLike } from '../../leaves/contract.js'
import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import {
  type Answer,
  type AnswerBody,
  discard,
  type FetchInit,
  headersOf,
  reasonIn,
} from './answers.js'
import { header } from './requests.js'

/** More than any answer of an authorization server needs. */
export const MAX_BODY_BYTES: number = 1024 * 1024

const MAX_REDIRECTS = 5
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308]
/** They have a request sent again as it is (RFC 9110 section 15.4). */
const REPEATING_REDIRECTS: readonly number[] = [307, 308]
/** Statuses for which `Response` takes no body. */
const BODILESS: readonly number[] = [204, 205, 304]

/**
 * Sends a request that others wait for, and reads the whole answer. Both together end after `requestMs`, and only then: a
 * caller who loses patience must not tear down a refresh that the server may have carried out.
 *
 * A redirect to another origin is not followed, since the request holds secrets. One to the same origin is if it has
 * the request sent again as it is, also for a caller that wants redirects for itself (`redirect: 'manual'`): it would follow, and not as
 * one of many who wait. It gets the others.
 * @returns a `Response` of the same status, headers, URL and body
 * @throws RedisOAuthDatabaseError `OUTCOME_UNKNOWN` after `requestMs`, for a body over 1 MiB and for a redirect that is not
 * followed: the server may have acted
 */
export function boundedRequest(
  fetch: FetchLike,
  url: string | URL,
  init: FetchInit,
  requestMs: number,
): Promise<Answer> {
  return limited(requestMs, (signal) => send(fetch, url, init, signal))
}

/** The same for a request that nobody else waits for: the caller's own signal ends it too. */
export async function boundedOwnRequest(
  fetch: FetchLike,
  url: string | URL,
  init: FetchInit,
  requestMs: number,
): Promise<Answer> {
  const { signal: own } = (init ?? {}) as { signal?: unknown }
  if (!(own instanceof AbortSignal)) return boundedRequest(fetch, url, init, requestMs)
  let abort: () => void = () => undefined
  const begin = (): Promise<Answer> =>
    limited(requestMs, (signal, controller) => {
      abort = () => controller.abort(own.reason)
      own.addEventListener('abort', abort, { once: true })
      return send(fetch, url, init, signal)
    })
  try {
    return await unlessAborted(begin, own)
  } finally {
    own.removeEventListener('abort', abort)
  }
}

/** Gives up on `work` when the caller's own signal aborts; the work goes on. Begins none when it has. */
export function unlessAborted<T>(begin: () => Promise<T>, signal: unknown): Promise<T> {
  if (!(signal instanceof AbortSignal)) return begin()
  return new Promise((resolve, reject) => {
    const abort = () =>
      reject(
        signal.reason ??
          new RedisOAuthDatabaseError('ABORTED', 'the signal of the request aborted it'),
      )
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    begin()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

/** The body as an object, read from a copy; empty when it is none, over 1 MiB or not there within `readMs`. Never rejects. */
export async function readJson(answer: Answer, readMs: number): Promise<AnswerBody> {
  try {
    const copy = answer.clone() as Answer
    const bytes = await limited(readMs, (signal) => bodyOf(copy, signal), { keepsAlive: false })
    const body: unknown = JSON.parse(Buffer.from(bytes).toString())
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
}

/** Aborts `work` when it fails, or when `limitMs` are over. */
async function limited<T>(
  limitMs: number,
  work: (signal: AbortSignal, controller: AbortController) => Promise<T>,
  options: TimeLimitOptions = { keepsAlive: true },
): Promise<T> {
  const controller = new AbortController()
  const lateness = (): Error =>
    outcomeUnknown(`the authorization server did not answer within ${limitMs} ms`)
  try {
    return await within(limitMs, work(controller.signal, controller), lateness, options)
  } catch (error) {
    controller.abort()
    throw error
  }
}

async function send(
  fetch: FetchLike,
  url: string | URL,
  init: FetchInit,
  signal: AbortSignal,
): Promise<Answer> {
  const { redirect = 'follow' } = (init ?? {}) as { redirect?: unknown }
  const isRefused = redirect === 'error'
  const bounded = { ...init, signal, redirect: isRefused ? redirect : 'manual' } as FetchInit
  let target = url
  for (let redirects = 0; ; redirects += 1) {
    const answer = await fetch(target, bounded)
    const { url: answeredAt } = answer as { url?: unknown }
    if (typeof answeredAt === 'string' && answeredAt !== '' && !isSameOrigin(answeredAt, url)) {
      throw outcomeUnknown('the authorization server redirected the request to another origin')
    }
    const mayFollow = !isRefused && redirects < MAX_REDIRECTS
    const next = mayFollow ? repeatedAt(answer, target) : undefined
    if (next === undefined) {
      if (redirect !== 'follow' || !isRedirect(answer)) return await buffered(answer, signal)
      throw outcomeUnknown('the authorization server redirected the request elsewhere')
    }
    discard(answer)
    target = next
  }
}

function isRedirect(answer: Answer): boolean {
  // Some runtimes hide where a redirect that is not followed leads.
  return (
    REDIRECTS.includes(answer.status) || (answer as { type?: unknown }).type === 'opaqueredirect'
  )
}

/** Where the same request may be sent again. */
function repeatedAt(answer: Answer, from: string | URL): string | undefined {
  const location = header(answer.headers, 'location')
  if (location === null || !REPEATING_REDIRECTS.includes(answer.status)) return undefined
  const next = urlOf(location, from)
  return next !== undefined && isSameOrigin(next, from) ? next.href : undefined
}

function isSameOrigin(url: string | URL, other: string | URL): boolean {
  return urlOf(url)?.origin === urlOf(other)?.origin
}

function urlOf(url: string | URL, base?: string | URL): URL | undefined {
  try {
    return new URL(url, base)
  } catch {
    return undefined
  }
}

type ResponseConstructor = new (
  body: Uint8Array | null,
  init: { status: number; statusText: string; headers: [string, string][] },
) => Answer

/** An equal answer whose body has arrived. Throws for nothing that a server can send: it may have issued tokens by it. */
async function buffered(answer: Answer, signal: AbortSignal): Promise<Answer> {
  const bytes = await bodyOf(answer, signal)
  const { status } = answer
  const {
    statusText = '',
    url = '',
    redirected = false,
  } = answer as unknown as {
    statusText?: string
    url?: string
    redirected?: boolean
  }
  const { Response } = globalThis as unknown as { Response: ResponseConstructor }
  // A server may send any three digits, the constructor takes these.
  const isUsual = status >= 200 && status <= 599
  const hasBody = isUsual && !BODILESS.includes(status)
  const copy = new Response(hasBody ? bytes : null, {
    status: isUsual ? status : 500,
    statusText: reasonIn(statusText),
    headers: headersOf(answer),
  })
  return Object.defineProperties(copy, {
    url: { value: url },
    redirected: { value: redirected },
    ...(!isUsual && { status: { value: status } }),
  })
}

async function bodyOf(answer: Answer, signal: AbortSignal): Promise<Uint8Array> {
  const { body } = answer as { body?: unknown }
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  const read = chunksOf(body, answer)
  for (;;) {
    const { done, value: chunk } = await read.next()
    if (done) return Buffer.concat(chunks)
    chunks.push(chunk)
    length += chunk.length
    if (signal.aborted || length > MAX_BODY_BYTES) {
      // Cancels the body. Of a copy that ends only with the original, so it is waited for by nobody, as `for await` would.
      read.return(undefined).catch(() => undefined)
      throw tooLong()
    }
  }
}

/** Of a web stream, of a stream of Node's, or of an answer that has none. */
async function* chunksOf(body: unknown, answer: Answer): AsyncGenerator<Uint8Array> {
  const isIterable = typeof body === 'object' && body !== null && Symbol.asyncIterator in body
  if (isIterable) yield* body as AsyncIterable<Uint8Array>
  else yield Buffer.from(await answer.text())
}

function tooLong(): RedisOAuthDatabaseError {
  return outcomeUnknown(`the authorization server answered with over ${MAX_BODY_BYTES} bytes`)
}

function outcomeUnknown(what: string): RedisOAuthDatabaseError {
  return new RedisOAuthDatabaseError(
    'OUTCOME_UNKNOWN',
    `${what}, so it may or may not have acted. Call again`,
  )
}
