import type { FetchLike } from '../../../src/leaves/contract.js'

/** The document that names `/token`, `/register` and so on as an issuer's endpoints (RFC 8414). */
export function metadataOf(issuer: string, changes: object = {}): Record<string, unknown> {
  return {
    issuer,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
    authorization_endpoint: `${issuer}/authorize`,
    introspection_endpoint: `${issuer}/introspect`,
    ...changes,
  }
}

/** A coordinated `fetch` whose client has read the issuer's metadata through it, as clients do before they register. */
export async function discovering(
  coordinate: (fetch: FetchLike) => FetchLike,
  issuer: string,
  answer: FetchLike,
): Promise<FetchLike> {
  const { origin, pathname } = new URL(issuer)
  const url = `${origin}/.well-known/oauth-authorization-server${pathname.replace(/^\/$/, '')}`
  const fetch = coordinate(async (asked, init) =>
    String(asked) === url ? Response.json(metadataOf(issuer)) : answer(asked, init),
  )
  await (await fetch(url)).json()
  return fetch
}
