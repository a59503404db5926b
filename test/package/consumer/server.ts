import { type RedisOAuthDatabase, withOAuthDatabase } from '@atxp/redis'

/** As the SDK's, which is not installed here: a class is no other, whatever methods that has. */
declare class OAuthResourceClient {
  protected db: unknown
  introspectToken: (authorizationServerUrl: string, token: string) => Promise<{ active: boolean }>
}

declare function atxpExpress(args: {
  destination: string
  oAuthDb?: { close(): Promise<void> }
  oAuthClient?: OAuthResourceClient
}): void

export async function useServer(oauthDatabase: RedisOAuthDatabase): Promise<boolean> {
  atxpExpress(withOAuthDatabase({ destination: '0xabc', oauthDatabase }))
  atxpExpress({ destination: '0xabc', ...withOAuthDatabase({ oauthDatabase }) })
  const named = withOAuthDatabase({ destination: '0xabc', oauthDatabase }, { OAuthResourceClient })
  atxpExpress(named)
  const { oAuthClient } = withOAuthDatabase({ oauthDatabase })
  // @ts-expect-error there is no such method
  oAuthClient.introspect
  return (await oAuthClient.introspectToken('https://auth.example', 'token')).active
}
