import type { FetchInit } from '../http/answers.js'
import { header } from '../http/requests.js'

interface Init {
  readonly body?: unknown
  readonly headers?: unknown
}

/** Whether the same request can be sent twice: a stream is read by the first. */
export function isResendable(init: FetchInit): boolean {
  const { body } = (init ?? {}) as Init
  if (body === undefined || body === null || typeof body === 'string') return true
  if (body instanceof URLSearchParams || body instanceof ArrayBuffer) return true
  return ArrayBuffer.isView(body)
}

export function bearerToken(init: FetchInit): string | undefined {
  const { headers } = (init ?? {}) as Init
  return /^bearer\s+(\S+)$/i.exec(header(headers, 'authorization') ?? '')?.[1]
}

/** Whether it carries credentials of any kind. */
export function isAuthorized(init: FetchInit): boolean {
  return header(((init ?? {}) as Init).headers, 'authorization') !== null
}

export function withBearer(init: FetchInit, accessToken: string): FetchInit {
  const { Headers } = globalThis as unknown as {
    Headers: new (from: unknown) => { set(name: string, value: string): void }
  }
  const headers = new Headers(((init ?? {}) as Init).headers)
  headers.set('authorization', `Bearer ${accessToken}`)
  return { ...init, headers } as unknown as FetchInit
}
