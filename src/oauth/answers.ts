import type { AccessToken, FetchLike } from '../contract.js'
import { expiresAtMs, renewedExpiresAt } from '../record/lifetime.js'

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

/** The token response (RFC 6749 section 5.1) that says what a record holds. */
export function tokenAnswer(token: AccessToken, now: number): Answer {
  const expiresAt = expiresAtMs(token)
  return jsonAnswer(
    200,
    JSON.stringify({
      access_token: token.accessToken,
      token_type: 'Bearer',
      refresh_token: token.refreshToken,
      expires_in:
        expiresAt === undefined ? undefined : Math.max(0, Math.floor((expiresAt - now) / 1000)),
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

/** The record after a token response: what the answer does not speak of stays as it was. */
export function renewedToken(
  record: AccessToken,
  answer: { accessToken: string; refreshToken: string; expiresIn: unknown },
  now: number,
): AccessToken {
  const { expiresAt: _, ...rest } = record
  const token = { ...rest, accessToken: answer.accessToken, refreshToken: answer.refreshToken }
  const seconds = Number(answer.expiresIn ?? Number.NaN)
  if (!Number.isFinite(seconds)) return token
  return { ...token, expiresAt: renewedExpiresAt(record, now + seconds * 1000) }
}
