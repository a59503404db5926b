import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { Arguments, OptionTable } from './arguments.js'
import type { Screen } from './screen.js'

export interface Context {
  readonly given: Arguments
  readonly screen: Screen
  readonly env: Readonly<Record<string, string | undefined>>
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal
  /** The database that the options name; closed when the command has ended. */
  readonly open: () => Promise<RedisOAuthDatabase>
}

/** What a command came to: 0 done, 1 trouble. */
export type Outcome = 0 | 1

export interface Command {
  /** What it does, in one line. */
  readonly summary: string
  /** What stands behind its name, as `USER [URL]`. */
  readonly operands: string
  /** Beside those that every command has. */
  readonly options: OptionTable
  /** Whether it needs no database. */
  readonly isLocal?: true
  readonly examples: readonly string[]
  /** @throws UsageError */
  run(context: Context): Promise<Outcome>
}

/** Of commands that change what others rely on. */
export const DESTRUCTIVE: OptionTable = {
  yes: { type: 'boolean', help: 'do it; without, nothing is changed' },
  'dry-run': { type: 'boolean', help: 'say what would be done, and do nothing' },
}
