import type { IncomingMessage } from 'node:http'
import { OAuthRefusal } from './client-registry.js'
import { readBody } from './loopback-server.js'

export function bearerToken(request: IncomingMessage): string | undefined {
  return request.headers.authorization?.match(/^Bearer (\S+)$/i)?.[1]
}

export function required(form: URLSearchParams, name: string): string {
  const values = form.getAll(name)
  const [value] = values
  if (values.length !== 1 || !value) {
    throw new OAuthRefusal(400, 'invalid_request', `${name} must be given once`)
  }
  return value
}

export async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    throw new OAuthRefusal(400, 'invalid_request', 'a form is required')
  }
  return new URLSearchParams(await readBody(request))
}

// biome-ignore lint/suspicious/noExplicitAny: whoever reads it checks what it holds
export async function readJson(request: IncomingMessage): Promise<any> {
  try {
    return JSON.parse(await readBody(request))
  } catch {
    throw new OAuthRefusal(400, 'invalid_request', 'the body is not JSON')
  }
}
