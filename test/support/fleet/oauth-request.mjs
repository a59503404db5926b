import { OAuthRefusal } from './client-registry.mjs'
import { readBody } from './loopback-server.mjs'

/** @typedef {import('node:http').IncomingMessage} IncomingMessage */

/** @param {IncomingMessage} request */
export function bearerToken(request) {
  return request.headers.authorization?.match(/^Bearer (\S+)$/i)?.[1]
}

/**
 * @param {URLSearchParams} form
 * @param {string} name
 */
export function required(form, name) {
  const values = form.getAll(name)
  const [value] = values
  if (values.length !== 1 || !value) {
    throw new OAuthRefusal(400, 'invalid_request', `${name} must be given once`)
  }
  return value
}

/** @param {IncomingMessage} request */
export async function readForm(request) {
  if (!request.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    throw new OAuthRefusal(400, 'invalid_request', 'a form is required')
  }
  return new URLSearchParams(await readBody(request))
}

/** @param {IncomingMessage} request */
export async function readJson(request) {
  try {
    return JSON.parse(await readBody(request))
  } catch {
    throw new OAuthRefusal(400, 'invalid_request', 'the body is not JSON')
  }
}
