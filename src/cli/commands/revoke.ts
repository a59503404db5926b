import { revokeSession, revokeUser } from '../../admin/revoke.js'
import { sessions } from '../../admin/sessions.js'
import type { RedisOAuthDatabase } from '../../database/redis-oauth-database.js'
import { UsageError } from '../arguments.js'
import { type Command, DESTRUCTIVE } from '../command.js'
import { showSessions } from './sessions.js'

export const revoke: Command = {
  summary: 'ends all sessions of a user, or the one at URL; does not tell the authorization server',
  operands: 'USER [URL]',
  options: DESTRUCTIVE,
  examples: [
    'atxp-redis revoke user_123 --dry-run',
    'atxp-redis revoke user_123 --yes',
    'atxp-redis revoke user_123 https://browse.mcp.atxp.ai/ --yes',
  ],
  async run({ given, screen, open }) {
    const [user = '', url] = given.operands
    if (!given.has('yes') && !given.has('dry-run')) {
      throw new UsageError('revoke ends sessions: add --yes to do it, or --dry-run to see which')
    }
    const db = await open()
    if (given.has('dry-run')) {
      await showSessions(await affected(db, user, url), screen)
      return 0
    }
    const removed =
      url === undefined ? await revokeUser(db, user) : Number(await revokeSession(db, user, url))
    if (screen.isJson) await screen.json({ removed })
    else await screen.line(`${removed} record(s) removed`)
    return 0
  },
}

async function affected(
  db: RedisOAuthDatabase,
  user: string,
  url: string | undefined,
): ReturnType<typeof sessions> {
  const all = await sessions(db, user)
  return url === undefined ? all : all.filter((session) => session.url === url)
}
