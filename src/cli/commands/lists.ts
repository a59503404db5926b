import { registrations } from '../../admin/registrations.js'
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

export const registrationsCommand: Command = {
  summary: 'lists the registrations with authorization servers, without secrets',
  operands: '',
  options: {},
  examples: ['atxp-redis registrations', 'atxp-redis registrations --json'],
  async run(context) {
    const db = await context.open()
    await walking(db, context, (options) =>
      context.screen.list(registrations(db, options), (one) =>
        safe(
          one.isReadable
            ? `${one.serverUrl}  ${one.role}  ${one.clientId}`
            : `${one.serverUrl ?? '(a name that cannot be read)'}  ${one.role}  cannot be read: record ${one.fingerprint}`,
        ),
      ),
    )
    return 0
  },
}
