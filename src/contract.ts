/** The types of `@atxp/common` that this library speaks. Types only: its code never loads. */
export type { AccessToken, ClientCredentials, FetchLike, OAuthDb, PKCEValues } from '@atxp/common'
