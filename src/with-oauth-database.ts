import type { RedisOAuthDatabase } from './redis-oauth-database.js'

/** Options of `atxpClient`, `buildServerConfig` and the like, with the database under the reference's name. */
export interface OAuthDatabaseOption {
  readonly oauthDatabase: RedisOAuthDatabase
}

/** The same options, under the names that the published SDK reads. */
export type WithOAuthDatabase<Options extends OAuthDatabaseOption> = Omit<
  Options,
  'oauthDatabase'
> & {
  readonly oAuthDb: RedisOAuthDatabase
}

/**
 * Turns `{ ..., oauthDatabase: db }` into options that the published ATXP SDK understands: it calls the option `oAuthDb`.
 * @throws TypeError when `oauthDatabase` is no `RedisOAuthDatabase`
 */
export function withOAuthDatabase<Options extends OAuthDatabaseOption>(
  options: Options,
): WithOAuthDatabase<Options> {
  const { oauthDatabase, ...others } = options
  return { ...others, oAuthDb: oauthDatabase }
}
