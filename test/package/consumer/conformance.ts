import { type ConformanceCase, type OAuthDb, oauthDbConformance } from '@atxp/redis/conformance'

export function suite(db: OAuthDb): ConformanceCase[] {
  return oauthDbConformance(() => db)
}
