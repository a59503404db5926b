import { users } from '../../admin/users.js'
import type { Command } from '../command.js'
import { safe } from '../screen.js'
import { walking } from '../walking.js'

export const usersCommand: Command = {
  summary: 'lists the users who hold a session',
  operands: '',
  options: {},
  examples: ['atxp-redis users', 'atxp-redis users | wc -l'],
  async run(context) {
    const db = await context.open()
    await walking(db, context, (options) => context.screen.list(users(db, options), safe))
    return 0
  },
}
