import { createRequire } from 'node:module'

/** Of `OAuthResourceClient` of `@atxp/common`. */
export type ResourceClientClass<Client> = new (config: never) => Client

/** What an authorization server says of an access token (RFC 7662 section 2.2), as far as the SDK hands it on. */
export interface TokenData {
  active: boolean
  scope?: string
  sub?: string
  aud?: string | string[]
}

/** RFC 8414 section 2. */
export interface AuthorizationServerMetadata {
  readonly issuer: string
  readonly [member: string]: unknown
}

/** What can be asked of an `OAuthResourceClient` of `@atxp/common`, whichever version is installed. Its errors are the SDK's. */
export interface ResourceClient {
  /** Asks the authorization server about an access token. Registers with it first where that was not done. */
  introspectToken(
    authorizationServerUrl: string,
    token: string,
    additionalParameters?: Record<string, string>,
  ): Promise<TokenData>
  /** Of the authorization server that a resource names in its metadata (RFC 9728). */
  getAuthorizationServer(resourceServerUrl: string): Promise<AuthorizationServerMetadata>
  authorizationServerFromUrl(authServerUrl: URL): Promise<AuthorizationServerMetadata>
}

const METHODS: readonly (keyof ResourceClient)[] = [
  'introspectToken',
  'getAuthorizationServer',
  'authorizationServerFromUrl',
]

type Methods = Record<keyof ResourceClient, (...args: unknown[]) => Promise<unknown>>

// Not a literal, and ignored by webpack: it is an optional peer, which compilers and bundlers must not look for.
const COMMON: string = '@atxp/common'

/**
 * The client by which a server asks the authorization server, with a coordinated channel: the SDK takes no `fetch` for a client
 * of its own. Of `given`, else of the `@atxp/common` that is installed, which is loaded by the first call; undefined where
 * there is none beside this package, as in a bundle.
 */
export function resourceClient<Client>(
  given: ResourceClientClass<Client> | undefined,
  config: object,
): Client | undefined {
  if (given !== undefined) return new given(config as never)
  if (!isInstalled()) return undefined
  let loaded: Promise<Methods> | undefined
  const load = async (): Promise<Methods> => {
    const { OAuthResourceClient } = await import(/* webpackIgnore: true */ COMMON)
    return new OAuthResourceClient(config)
  }
  const methods = METHODS.map((name) => {
    const call = async (...args: unknown[]): Promise<unknown> => {
      loaded ??= load()
      return (await loaded)[name](...args)
    }
    return [name, call]
  })
  return Object.fromEntries(methods)
}

function isInstalled(): boolean {
  // In a bundle of ES modules there is no such variable.
  if (typeof __filename !== 'string') return false
  try {
    createRequire(__filename).resolve(COMMON)
    return true
  } catch (error) {
    // It is there, and for `import` alone.
    return (error as { code?: unknown }).code === 'ERR_PACKAGE_PATH_NOT_EXPORTED'
  }
}
