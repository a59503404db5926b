import type { Command } from './command.js'
import { doctorCommand } from './commands/doctor.js'
import { keygen } from './commands/keygen.js'
import { registrationsCommand } from './commands/registrations.js'
import { resealCommand } from './commands/reseal.js'
import { revoke } from './commands/revoke.js'
import { sessionsCommand } from './commands/sessions.js'
import { usersCommand } from './commands/users.js'

/** Every command, in the order of the help. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  doctor: doctorCommand,
  keygen,
  users: usersCommand,
  sessions: sessionsCommand,
  revoke,
  registrations: registrationsCommand,
  reseal: resealCommand,
}
