import type { AccessToken, FetchLike } from '../../leaves/contract.js'
import { isShort } from '../../record/codec.js'
import { expiresAtAfter, expiresIn } from '../../record/lifetime.js'

export type FetchInit = Parameters<FetchLike>[1]
export type Answer = Awaited<ReturnType<FetchLike>>

type AnswerConstructor = new (
  body: string,
  init: { status: number; headers: Record<string, string> },
) => Answer

/** The global `Response`, which Node has from 18 on. */
export function answerConstructor(): AnswerConstructor | undefined {
  return (globalThis as { Response?: AnswerConstructor }).Response
}

export function jsonAnswer(status: number, body: string): Answer {
  const Constructor = answerConstructor()
  if (!Constructor) throw new TypeError('this needs the global Response of Node 18 or newer')
  const headers = { 'content-type': 'application/json', 'cache-control': 'no-store' }
  return new Constructor(body, { status, headers })
}

/** RFC 9110 section 5.6.2. */
const HEADER_NAME = /^[\w!#$%&'*+.^`|~-]+$/
/** What a reason phrase and a header's value are of (RFC 9110 section 5.5). */
const FIELD_TEXT = /^[\t -~\x80-\xff]*$/

/** Of a reason phrase, what `Response` takes. A `fetch` gives whatever the server sent, in UTF-8. */
export function reasonIn(phrase: string): string {
  return FIELD_TEXT.test(phrase) ? phrase : ''
}

/** Of an answer's headers, those that `Response` takes. A `fetch` gives some with other names. */
export function headersOf({ headers }: Answer): [string, string][] {
  // What a wrapper or a stub calls a response may have an object, or nothing.
  const listed = Object(headers) as Iterable<[string, string]> | Record<string, string>
  const pairs = Symbol.iterator in listed ? Array.from(listed) : Object.entries(listed)
  return pairs.filter(([name, text]) => HEADER_NAME.test(name) && FIELD_TEXT.test(text))
}

/** What an OAuth answer may hold; the server may have put anything there. */
export interface AnswerBody {
  error?: unknown
  access_token?: unknown
  refresh_token?: unknown
  expires_in?: unknown
  client_id?: unknown
}

/** The body as an object, read from a copy; empty when it is none. */
export async function jsonOf(answer: Answer): Promise<AnswerBody> {
  try {
    const body: unknown = JSON.parse(await answer.clone().text())
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
}

/** Frees the connection of an answer that nobody reads. */
export function discard(answer: Answer): void {
  const { body } = answer as { body?: { cancel?: () => Promise<unknown> } | null }
  body?.cancel?.().catch(() => undefined)
}

/** The token response (RFC 6749 section 5.1) that says what a record holds. */
export function tokenAnswer(token: AccessToken, now: number): Answer {
  const { accessToken, refreshToken, expiresAt: _, resourceUrl: __, ...others } = token
  return jsonAnswer(
    200,
    JSON.stringify({
      token_type: 'Bearer',
      ...others,
      access_token: accessToken,
      refresh_token: refreshToken,
      expires_in: expiresIn(token, now),
    }),
  )
}

/** The refusal (RFC 6749 section 5.2) for a session that was removed while it was being renewed. */
export function removedAnswer(): Answer {
  return jsonAnswer(
    400,
    '{"error":"invalid_grant","error_description":"The session was removed while it was being refreshed"}',
  )
}

/** The body of a token response. */
export interface TokenResponse extends AnswerBody {
  access_token: string
}

/** RFC 6749 section 5.1 says 200. Some SDKs take the tokens of each that is a success, and so spend a refresh token by it. */
export function isSuccess({ status }: Answer): boolean {
  return status >= 200 && status < 300
}

export function isTokenResponse(body: AnswerBody): body is TokenResponse {
  return typeof body.access_token === 'string' && body.access_token !== ''
}

/** Errors (RFC 6749 section 5.2) after which a refresh token is of no use: it is bound to its client. */
const REFUSALS: ReadonlySet<unknown> = new Set([
  'invalid_grant',
  'invalid_client',
  'unauthorized_client',
])

/** Whether the error in an answer counts. Not every server has the status of RFC 6749, and clients go by the error. */
export function isRefusal({ status }: Answer): boolean {
  return status >= 400 && status < 500 && status !== 429
}

/** Whether the answer to a refresh request ends the session. */
export function refusesRefresh(answer: Answer, { error }: AnswerBody): boolean {
  return isRefusal(answer) && REFUSALS.has(error)
}

/** Whether the server says that it does not know the client (RFC 6749 section 5.2). */
export function refusesClient(answer: Answer, { error }: AnswerBody): boolean {
  return isRefusal(answer) && error === 'invalid_client'
}

/** A token response with the refresh token that is in force: RFC 6749 section 6 lets a server leave out the one that stays. */
export function renewedAnswer(
  answer: Answer,
  body: TokenResponse,
  sent: string,
  now: number,
): Answer {
  if (refreshTokenOf(body) !== undefined) return answer
  // As in a record, where what nests too deeply is left out: it cannot be made JSON again.
  return tokenAnswer(renewedToken({ accessToken: '', resourceUrl: '' }, body, sent, now), now)
}

/** Members of a token response that a record has under names of its own. */
const RENAMED = ['access_token', 'refresh_token', 'expires_in']
/** Members of a record that no token response may set: its own, and by which a client of the MCP SDK says who issued the tokens. */
const RESERVED = [
  'accessToken',
  'refreshToken',
  'expiresAt',
  'resourceUrl',
  'issuer',
  'authorization_server',
  'token_endpoint',
  '~',
  '__proto__',
]
const LEFT_OUT: ReadonlySet<string> = new Set([...RENAMED, ...RESERVED])

/**
 * The record after a token response: all members of the response, and what it does not speak of stays as it was. Of a response that makes
 * the record too long, the pair alone: a server could add other members with each.
 */
export function renewedToken(
  { expiresAt, ...record }: AccessToken,
  body: TokenResponse,
  sent: string,
  now: number,
): AccessToken {
  const added = Object.fromEntries(Object.entries(body).filter(([name]) => !LEFT_OUT.has(name)))
  const pair = { accessToken: body.access_token, refreshToken: refreshTokenOf(body) ?? sent }
  const grown = { ...record, ...added, ...pair }
  const token = isShort(grown) ? grown : { ...record, ...pair }
  const renewed = expiresAtAfter(body.expires_in, now, expiresAt === undefined ? {} : { expiresAt })
  return renewed === undefined ? token : { ...token, expiresAt: renewed }
}

function refreshTokenOf({ refresh_token: refreshToken }: AnswerBody): string | undefined {
  return typeof refreshToken === 'string' && refreshToken !== '' ? refreshToken : undefined
}
