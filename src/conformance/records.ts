import type { AccessToken, ClientCredentials, PKCEValues } from '../leaves/contract.js'

/** What a newer SDK, or an authorization server, may add to any record. */
const UNKNOWN_MEMBERS = {
  scope: 'openid "quoted" \\ \u0000 é e\u0301 \u{1f511}',
  nested: { list: [1, 2.5, true, null, {}], empty: '' },
} as const

/** A client registration with every member that an authorization server may answer (RFC 7591 section 3.2.1). */
export function clientRegistration(label: string): ClientCredentials {
  return {
    clientId: `client-${label}`,
    clientSecret: `client-secret-${label}`,
    redirectUri: 'https://client.example/callback?a=b&c=d',
  }
}

export function pkceValues(label: string): PKCEValues {
  return {
    codeVerifier: `verifier-${label}`,
    codeChallenge: `challenge-${label}`,
    resourceUrl: 'https://server.example/mcp',
    url: 'https://server.example/mcp?session=1',
  }
}

/** An access token without refresh token and without expiry; `members` are put over it. */
export function accessToken(label: string, members: Partial<AccessToken> = {}): AccessToken {
  return { accessToken: `access-${label}`, resourceUrl: 'https://server.example/', ...members }
}

export function withUnknownMembers<T extends object>(record: T): T {
  return { ...record, ...structuredCopy(UNKNOWN_MEMBERS) }
}

/** A deep copy of a record that JSON can hold. */
export function structuredCopy<T>(record: T): T {
  return JSON.parse(JSON.stringify(record)) as T
}

/** `expiresAt` in the unit that `AccessToken` documents. */
export function inSeconds(timeMs: number): number {
  return Math.floor(timeMs / 1_000)
}
