import type { Command } from './command.js'
import { doctorCommand } from './commands/doctor.js'
import { exportCommand } from './commands/export.js'
import { findCommand } from './commands/find.js'
import { importCommand } from './commands/import.js'
import { keygen } from './commands/keygen.js'
import { registrationsCommand, usersCommand } from './commands/lists.js'
import { migrateCommand } from './commands/migrate.js'
import { refereeCommand } from './commands/referee.js'
import { resealCommand } from './commands/reseal.js'
import { revoke } from './commands/revoke.js'
import { sessionsCommand } from './commands/sessions.js'
import { watchCommand } from './commands/watch.js'

/** Every command, in the order of the help. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  doctor: doctorCommand,
  keygen,
  users: usersCommand,
  sessions: sessionsCommand,
  revoke,
  registrations: registrationsCommand,
  find: findCommand,
  export: exportCommand,
  import: importCommand,
  migrate: migrateCommand,
  reseal: resealCommand,
  watch: watchCommand,
  referee: refereeCommand,
}
