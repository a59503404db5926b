import { RedisOAuthDatabase } from '@atxp/redis'

export async function useAndDispose(): Promise<string | null> {
  await using db = new RedisOAuthDatabase()
  return await db.getToken('user_123')
}
