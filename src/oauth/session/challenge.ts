import { type Answer, answerConstructor, headersOf } from '../http/answers.js'

const METADATA = /\bresource_metadata="([^"\\]+)"/
/** The error upon which `@atxp/client` refreshes by itself. */
const REFRESH_ERROR = 'error="invalid_grant"'

/** Whether the server itself asks the client to refresh. */
export function asksForRefresh(answer: Answer): boolean {
  return challengeOf(answer).includes(REFRESH_ERROR)
}

/** The 401 as a client takes it for "authorize": it reads which resource is meant only where nothing else stands there. */
export function askingForLogin(answer: Answer): Answer {
  const metadata = METADATA.exec(challengeOf(answer))?.[1]
  return metadata === undefined
    ? answer
    : challengedBy(answer, `Bearer resource_metadata="${metadata}"`)
}

/** The 401 as a client takes it for "refresh". */
export function askingForRefresh(answer: Answer): Answer {
  const metadata = METADATA.exec(challengeOf(answer))?.[1]
  const named = metadata === undefined ? '' : `, resource_metadata="${metadata}"`
  return challengedBy(answer, `Bearer ${REFRESH_ERROR}${named}`)
}

/**
 * The 401 without its wish for a refresh where it names a resource by a bare URL: of whatever stands there, which may be another
 * server's, `@atxp/client` would renew the session.
 */
export function askingForNoOther(answer: Answer): Answer {
  if (answer.status !== 401) return answer
  const challenge = challengeOf(answer)
  const end = challenge.indexOf(REFRESH_ERROR)
  return end >= 0 && /^https?:\/\//.test(challenge)
    ? challengedBy(answer, challenge.slice(0, end))
    : answer
}

function challengeOf({ headers }: Answer): string {
  return headers.get('www-authenticate') ?? ''
}

type ResponseConstructor = new (
  body: unknown,
  init: { status: number; headers: [string, string][] },
) => Answer

function challengedBy(answer: Answer, challenge: string): Answer {
  if (challengeOf(answer) === challenge) return answer
  const { body } = answer as { body?: unknown }
  // The body has been decoded.
  const replaced = /^(www-authenticate|content-encoding|content-length)$/i
  const headers = headersOf(answer).filter(([name]) => !replaced.test(name))
  headers.push(['www-authenticate', challenge])
  const Constructor = answerConstructor() as unknown as ResponseConstructor
  const { ReadableStream } = globalThis as { ReadableStream?: new () => object }
  const isWebStream = ReadableStream !== undefined && body instanceof ReadableStream
  return new Constructor(isWebStream ? body : null, { status: answer.status, headers })
}
