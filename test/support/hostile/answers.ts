import type { ServerResponse } from 'node:http'
import { sendJson } from '../fleet/loopback-server.mjs'
import type { Answer, EvilServer } from './evil-server.js'
import type { Registered } from './world.js'

/** What an evil server knows: its victim, and the client id that the fleet has there. */
export interface Victim {
  issuer: string
  client: Registered
  /** A token of a user's at the victim, which nobody should have told it. */
  accessToken: string
}

/** Answers that the documents allow at a place, by name. */
export type Menu = Record<string, (evil: EvilServer, victim: Victim) => Answer>

const CODES = [
  'invalid_client',
  'unauthorized_client',
  'invalid_grant',
  'invalid_request',
  'invalid_scope',
  'unsupported_grant_type',
  'invalid_token',
  'access_denied',
]
const POURED_BYTES = 4 * 1024 * 1024
const STATUSES = [400, 401, 403, 429, 500, 503]

export function refusal(status: number, error: string): Answer {
  return (_, response) => sendJson(response, status, { error })
}

/** Refusals of every code with every status. */
export const REFUSALS: Menu = Object.fromEntries(
  STATUSES.flatMap((status) =>
    CODES.map((code) => [`${status} ${code}`, () => refusal(status, code)]),
  ),
)

export const BODIES: Menu = {
  'an endless body': (evil) => (_, response) => pour(evil, response),
  'a body of 2 MB': () => (_, response) =>
    sendJson(response, 200, { issuer: 'x', padding: 'x'.repeat(2_000_000) }),
  'a body that stalls': (evil) => (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' }).write('{"issuer":')
    evil.hang(response)
  },
  'no answer': (evil) => (_, response) => evil.hang(response),
  'no JSON': () => (_, response) => void response.end('<html>'),
  'JSON of no object': () => (_, response) => sendJson(response, 200, ['x']),
}

/** As endless as it gets: who read it all would read for ever. */
function pour(evil: EvilServer, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.write(Buffer.alloc(POURED_BYTES, 'x'))
  evil.hang(response)
}

function redirect(status: number, to: (victim: Victim) => string): Menu[string] {
  return (_, victim) => (_request, response) =>
    void response.writeHead(status, { location: to(victim) }).end()
}

const document =
  (changes: (victim: Victim) => object): Menu[string] =>
  (evil, victim) =>
  (_, response) =>
    sendJson(response, 200, evil.metadata(changes(victim)))

export const DOCUMENTS: Menu = {
  "the victim's token endpoint": document(({ issuer }) => ({ token_endpoint: `${issuer}/token` })),
  "the victim's registration endpoint": document(({ issuer }) => ({
    registration_endpoint: `${issuer}/register`,
  })),
  "the victim's authorization endpoint": document(({ issuer }) => ({
    authorization_endpoint: `${issuer}/authorize`,
  })),
  "the victim's introspection endpoint": document(({ issuer }) => ({
    introspection_endpoint: `${issuer}/introspect`,
  })),
  "all of the victim's endpoints": document(({ issuer }) => ({
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    authorization_endpoint: `${issuer}/authorize`,
    introspection_endpoint: `${issuer}/introspect`,
  })),
  "the victim's endpoints with additions": document(({ issuer }) => ({
    token_endpoint: `${issuer}/token?a=b`,
    registration_endpoint: `${issuer}/register?a=b`,
    authorization_endpoint: `${issuer}/authorize?client_secret=wrong`,
  })),
  "the victim's endpoints under other names": document(({ issuer }) => ({
    token_endpoint: `${issuer}/introspect`,
    introspection_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/register`,
  })),
  "the victim's issuer": document(({ issuer }) => ({ issuer })),
  "the victim's issuer and endpoints": document(({ issuer }) => ({
    issuer,
    token_endpoint: `${issuer}/token`,
  })),
  'a redirect to the victim': redirect(
    302,
    ({ issuer }) => `${issuer}/.well-known/oauth-authorization-server`,
  ),
  ...BODIES,
}

const registration =
  (changes: (victim: Victim) => object): Menu[string] =>
  (evil, victim) =>
  (_, response, body) => {
    sendJson(response, 201, { ...JSON.parse(body), ...evil.registration(changes(victim)) })
  }

export const REGISTRATIONS: Menu = {
  "the victim's client id": registration(({ client }) => ({ client_id: client.clientId })),
  "the victim's client id, public": registration(({ client }) => ({
    client_id: client.clientId,
    client_secret: '',
  })),
  'no client id': registration(() => ({ client_id: undefined })),
  'a redirect to the victim': redirect(307, ({ issuer }) => `${issuer}/register`),
  ...BODIES,
  ...REFUSALS,
}

const tokens =
  (changes: (victim: Victim) => object): Menu[string] =>
  (evil, victim) =>
  (_, response) =>
    sendJson(response, 200, evil.tokens(changes(victim)))

export const TOKENS: Menu = {
  "a user's access token": tokens(({ accessToken }) => ({ access_token: accessToken })),
  'tokens that have expired': tokens(() => ({ expires_in: -1 })),
  'tokens for ever': tokens(() => ({ expires_in: 1e300 })),
  'no access token': tokens(() => ({ access_token: undefined })),
  'a redirect to the victim': redirect(307, ({ issuer }) => `${issuer}/token`),
  'a redirect with a GET to the victim': redirect(303, ({ issuer }) => `${issuer}/token`),
  ...BODIES,
  ...REFUSALS,
}

export const INTROSPECTIONS: Menu = {
  'a redirect to the victim': redirect(308, ({ issuer }) => `${issuer}/introspect`),
  ...BODIES,
  ...REFUSALS,
}

export const AUTHORIZATIONS: Menu = {
  'a redirect to the victim': redirect(302, ({ issuer }) => `${issuer}/authorize`),
  ...BODIES,
  ...REFUSALS,
}

export const RESOURCES: Menu = {
  'always 401, with a login': (evil) => (_, response) => evil.challenge(response),
  'always 401, with a refresh': (evil) => (_, response) =>
    evil.challenge(response, 'invalid_grant'),
  'always 401, of the client': (evil) => (_, response) =>
    evil.challenge(response, undefined, { error: 'invalid_client' }),
  ...REFUSALS,
}

export const PROTECTED_RESOURCES: Menu = {
  "the victim's authorization server":
    (evil, { issuer }) =>
    (_, response) =>
      sendJson(response, 200, evil.protectedResource(issuer)),
}
