import { createRequire } from 'node:module'

/** Of `OAuthResourceClient` of `@atxp/common`. */
export type ResourceClientClass<Client> = new (config: never) => Client

/** What a server asks of it. */
const METHODS = ['introspectToken', 'getAuthorizationServer', 'authorizationServerFromUrl'] as const

type Methods = Record<(typeof METHODS)[number], (...args: unknown[]) => Promise<unknown>>

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
