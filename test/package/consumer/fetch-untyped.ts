import type { FetchLike, RedisOAuthDatabase } from '@atxp/redis'

declare const fetch: FetchLike
export async function useFetch(db: RedisOAuthDatabase): Promise<number> {
  const { status } = await db.coordinatedFetch(fetch)('https://auth.example/token', {
    method: 'POST',
  })
  return status
}
