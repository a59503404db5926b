import type { RedisOAuthDatabase } from '@atxp/redis'
import { findUnreadable, revokeUser, type Session, sessions, users } from '@atxp/redis/admin'

export async function endSessions(db: RedisOAuthDatabase): Promise<Session[]> {
  const ended: Session[] = []
  for await (const userId of users(db, { onProgress: ({ seen }) => seen })) {
    ended.push(...(await sessions(db, userId)))
    await revokeUser(db, userId)
  }
  return ended
}

export async function missingKeys(db: RedisOAuthDatabase): Promise<string[]> {
  const ids: string[] = []
  for await (const { why, keyId } of findUnreadable(db)) {
    if (why === 'unknownKey' && keyId !== undefined) ids.push(keyId)
  }
  return ids
}
