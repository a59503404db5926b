import { type Answer, answerConstructor } from '../http/answers.js'

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
  const headers: [string, string][] = []
  const given = answer.headers as unknown as Iterable<[string, string]>
  for (const [name, value] of given) {
    // The body has been decoded.
    if (!/^(www-authenticate|content-encoding|content-length)$/i.test(name)) {
      headers.push([name, value])
    }
  }
  headers.push(['www-authenticate', challenge])
  const Constructor = answerConstructor() as unknown as ResponseConstructor
  const { ReadableStream } = globalThis as { ReadableStream?: new () => object }
  const isWebStream = ReadableStream !== undefined && body instanceof ReadableStream
  return new Constructor(isWebStream ? body : null, { status: answer.status, headers })
}
