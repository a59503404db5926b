// Compiled, never run: what `withOAuthDatabase` returns is what the published client takes.
import type { Account, atxpClient } from '@atxp/client'
import { type FetchLike, type OAuthDb, OAuthResourceClient } from '@atxp/common'
import { type RedisOAuthDatabase, type ResourceClient, withOAuthDatabase } from '../../src/index.js'

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Fails to compile unless its type argument is `true`; a type that decayed to `any` is not. */
function holds<_T extends true>(): void {}

type ClientOptions = Parameters<typeof atxpClient>[0]

export function forTheClient(db: RedisOAuthDatabase, account: Account): ClientOptions {
  const options = withOAuthDatabase({
    mcpServer: 'https://browse.mcp.atxp.ai/',
    account,
    oauthDatabase: db,
  })
  holds<Same<typeof options.oAuthDb, OAuthDb>>()
  holds<Same<typeof options.oAuthChannelFetch, FetchLike>>()
  holds<Same<typeof options.fetchFn, FetchLike>>()
  holds<Same<typeof options.mcpServer, string>>()
  // @ts-expect-error the name that the SDK does not know is gone
  options.oauthDatabase
  return options
}

export function forTheServer(db: RedisOAuthDatabase): { destination: string; oAuthDb: OAuthDb } {
  return withOAuthDatabase({ destination: '0xabc', oauthDatabase: db })
}

/** As the server of the SDK has it. */
interface ServerArgs {
  destination: string
  oAuthDb?: OAuthDb
  oAuthClient?: OAuthResourceClient
}

export function oAuthClientOfAServer(db: RedisOAuthDatabase): ServerArgs[] {
  const named = withOAuthDatabase(
    { destination: '0xabc', oauthDatabase: db },
    { OAuthResourceClient },
  )
  holds<Same<typeof named.oAuthClient, OAuthResourceClient>>()
  class Named extends OAuthResourceClient {
    readonly name = 'own'
  }
  const subclass = withOAuthDatabase({ oauthDatabase: db }, { OAuthResourceClient: Named })
  holds<Same<typeof subclass.oAuthClient, Named>>()
  const own = withOAuthDatabase({
    destination: '0xabc',
    oauthDatabase: db,
    oAuthClient: new Named({ db }),
  })
  holds<Same<typeof own.oAuthClient, Named>>()
  const both = withOAuthDatabase(
    { mcpServer: 'https://browse.mcp.atxp.ai/', oauthDatabase: db },
    { role: 'resource-server', OAuthResourceClient },
  )
  holds<Same<typeof both.oAuthClient, OAuthResourceClient>>()
  const client = withOAuthDatabase({ oauthDatabase: db }, { role: 'client' })
  // @ts-expect-error a client's options have none
  client.oAuthClient
  // @ts-expect-error it takes the class
  withOAuthDatabase({ oauthDatabase: db }, { OAuthResourceClient: new OAuthResourceClient({ db }) })
  // Without the class it has the type that is asked for.
  const spread: ServerArgs = { destination: '0xabc', ...withOAuthDatabase({ oauthDatabase: db }) }
  return [named, own, spread, withOAuthDatabase({ destination: '0xabc', oauthDatabase: db })]
}

export async function callsOfAServer(db: RedisOAuthDatabase): Promise<boolean> {
  const options = withOAuthDatabase({ destination: '0xabc', oauthDatabase: db })
  holds<Same<typeof options.oAuthClient, ResourceClient>>()
  const { active, sub } = await options.oAuthClient.introspectToken('https://auth.example', 'token')
  holds<Same<typeof sub, string | undefined>>()
  const { issuer } = await options.oAuthClient.getAuthorizationServer('https://mcp.example/mcp')
  // @ts-expect-error a token is a string
  await options.oAuthClient.introspectToken('https://auth.example', { token: 'token' })
  // @ts-expect-error there is no such method
  options.oAuthClient.introspect
  return active && issuer !== ''
}

export function misuse(db: RedisOAuthDatabase): void {
  // @ts-expect-error it has to be a database
  withOAuthDatabase({ mcpServer: 'https://browse.mcp.atxp.ai/', oauthDatabase: {} })
  // @ts-expect-error and to be there
  withOAuthDatabase({ mcpServer: 'https://browse.mcp.atxp.ai/' })
  // @ts-expect-error there are two roles
  withOAuthDatabase({ oauthDatabase: db }, { role: 'server' })
}
