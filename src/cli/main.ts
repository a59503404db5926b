import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import { RedisOAuthDatabaseError } from '../leaves/errors.js'
import { didYouMean, shownName } from '../options/checks.js'
import { kindOf, parseArguments, UsageError } from './arguments.js'
import type { Command, Outcome } from './command.js'
import { COMMANDS } from './commands.js'
import { openDatabase } from './database.js'
import { COMMON, helpOf, overview } from './help.js'
import { OutputError } from './output-file.js'
import { Screen, type Streams } from './screen.js'

export const WRONG_USE = 2
export const INTERRUPTED = 130

export interface Surroundings extends Streams {
  /** Aborts when the user interrupts. */
  readonly signal: AbortSignal
}

/** Runs one command. Gives the exit code: 0 done, 1 trouble, 2 wrong use, 130 interrupted. */
export async function runCommandLine(
  args: readonly string[],
  surroundings: Surroundings,
): Promise<number> {
  const end = args.indexOf('--')
  const isJson = (end < 0 ? args : args.slice(0, end)).includes('--json')
  const screen = new Screen(surroundings, isJson)
  try {
    const [name = '--help', ...others] = args
    if (name === '--help' || name === '-h') {
      await screen.line(overview(COMMANDS))
      return 0
    }
    return await runCommand(name, others, screen, surroundings)
  } catch (error) {
    return await report(error, screen, surroundings.signal)
  }
}

async function runCommand(
  name: string,
  args: readonly string[],
  screen: Screen,
  { env, signal }: Surroundings,
): Promise<number> {
  const command = Object.keys(COMMANDS).includes(name) ? COMMANDS[name] : undefined
  if (command === undefined) {
    const meant = didYouMean(name, Object.keys(COMMANDS))
    throw new UsageError(`${shownName(name)} is not a command${meant}. See atxp-redis --help`)
  }
  const table = { ...command.options, ...COMMON(command) }
  const given = parseArguments(args, table)
  if (given.has('help')) {
    await screen.line(helpOf(name, command, table))
    return 0
  }
  checkOperands(name, command, given.operands.length)
  let db: RedisOAuthDatabase | undefined
  const open = async (): Promise<RedisOAuthDatabase> => {
    db ??= await openDatabase(given, env)
    // While a module of the user's was loaded.
    if (signal.aborted) throw new RedisOAuthDatabaseError('ABORTED', 'it was interrupted')
    return db
  }
  // What waits for Redis ends with it.
  signal.addEventListener('abort', () => void db?.close({ timeoutMs: 0 }))
  try {
    const outcome: Outcome = await command.run({ given, screen, env, signal, open })
    return signal.aborted ? INTERRUPTED : outcome
  } finally {
    await db?.close({ timeoutMs: signal.aborted ? 0 : 5_000 })
  }
}

function checkOperands(name: string, { operands }: Command, count: number): void {
  const all = operands === '' ? [] : operands.split(' ')
  const needed = all.filter((operand) => !operand.startsWith('['))
  const most = operands.endsWith('...') ? Number.POSITIVE_INFINITY : all.length
  if (count >= needed.length && count <= most) return
  throw new UsageError(`usage: atxp-redis ${name} ${operands}`.trimEnd())
}

async function report(error: unknown, screen: Screen, signal: AbortSignal): Promise<number> {
  if (error instanceof UsageError || isMisuse(error)) {
    await screen.note(`atxp-redis: ${error.message}`)
    return WRONG_USE
  }
  if (signal.aborted) return INTERRUPTED
  if (error instanceof OutputError) {
    await screen.note(`atxp-redis: ${error.message}`)
    return 1
  }
  if (error instanceof RedisOAuthDatabaseError) {
    const { code, cause } = error
    const message = error.message.replace('See cause', `Cause: ${kindOf(cause)}`)
    if (screen.isJson && !screen.hasResult) await screen.json({ error: { code, message } })
    await screen.note(`atxp-redis: ${code}: ${message}`)
    return 1
  }
  // A defect. What it says may hold a secret; where it comes from does not.
  const { stack = '' } = Object(error) as Partial<Error>
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  await screen.note(`atxp-redis: unexpected ${kindOf(error)}`)
  for (const frame of frames) await screen.note(frame)
  return 1
}

/** What the library says of options that it is given; it quotes none of them. */
function isMisuse(error: unknown): error is TypeError {
  return error instanceof TypeError && error.message.startsWith('options.')
}
