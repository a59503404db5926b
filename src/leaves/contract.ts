// The types of `@atxp/common` that this library speaks, written out so that nobody has to install it for them.
// test/types/contract.ts holds them against the SDK's own.

/** A client's registration with an authorization server (RFC 7591). */
export interface ClientCredentials {
  clientId: string
  clientSecret: string
  redirectUri: string
}

/** What a login needs again when its callback arrives (RFC 7636). */
export interface PKCEValues {
  codeVerifier: string
  codeChallenge: string
  /** The protected resource that the login is for (RFC 9728). */
  resourceUrl: string
  /** The URL that was called when the login began. */
  url: string
}

/** What an authorization server granted for one resource. */
export interface AccessToken {
  accessToken: string
  refreshToken?: string
  /**
   * When the access token expires, since the Unix epoch: in seconds, or in milliseconds, as `@atxp/client` before 0.11
   * writes it. Values from 1e12 on are milliseconds.
   */
  expiresAt?: number
  /** The protected resource that the token is for (RFC 9728). */
  resourceUrl: string
}

/** Where the ATXP SDK keeps OAuth state: `OAuthDb` of `@atxp/common`. */
export interface OAuthDb {
  getClientCredentials(serverUrl: string): Promise<ClientCredentials | null>
  saveClientCredentials(serverUrl: string, credentials: ClientCredentials): Promise<void>
  getPKCEValues(userId: string, state: string): Promise<PKCEValues | null>
  savePKCEValues(userId: string, state: string, values: PKCEValues): Promise<void>
  getAccessToken(userId: string, url: string): Promise<AccessToken | null>
  saveAccessToken(userId: string, url: string, token: AccessToken): Promise<void>
  close(): Promise<void>
}

/**
 * A function that is called as the global `fetch` is. `Response` and `RequestInit` are those of the program that compiles
 * this: of Node's types, or of `lib.dom`.
 */
export type FetchLike = typeof globalThis extends {
  // Not by the names of its types, which no types of Node 16 have: the declarations compile there too.
  fetch: infer Fetch extends (...args: never) => unknown
}
  ? (url: string | URL, init?: Parameters<Fetch>[1]) => ReturnType<Fetch>
  : (
      url: string | URL,
      init?: {
        method?: string
        headers?: Record<string, string>
        body?: string | URLSearchParams | null
        signal?: AbortSignal | null
      },
    ) => Promise<{
      readonly ok: boolean
      readonly status: number
      readonly headers: { get(name: string): string | null }
      clone(): { text(): Promise<string> }
      text(): Promise<string>
      json(): Promise<unknown>
    }>
