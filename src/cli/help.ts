import type { OptionTable } from './arguments.js'
import type { Command } from './command.js'
import { PLACE } from './database.js'

const PRINTED: OptionTable = {
  json: { type: 'boolean', help: 'for programs: one JSON value on the standard output' },
  help: { type: 'boolean', help: 'show this' },
}

/** The options that every command has. */
export function COMMON({ isLocal }: Command): OptionTable {
  return isLocal ? PRINTED : { ...PLACE, ...PRINTED }
}

export function overview(commands: Readonly<Record<string, Command>>): string {
  const rows = Object.entries(commands).map(([name, { operands, summary }]): [string, string] => [
    `${name} ${operands}`.trimEnd(),
    summary,
  ])
  return [
    'atxp-redis looks after the OAuth state that @atxp/redis keeps in Redis.',
    '',
    'Usage: atxp-redis COMMAND [OPTIONS]      atxp-redis COMMAND --help',
    '',
    ...columns(rows),
    '',
    'It uses the Redis of REDIS_URL or REDIS_HOST, of --url URL or of --config FILE. REDIS_KEY_PREFIX, ATXP_REDIS_ENCRYPTION_KEYS and',
    'ATXP_REDIS_HASH_KEY must be those of the application, unless FILE has them.',
    'Exit codes: 0 done, 1 trouble, 2 wrong use, 130 interrupted. NO_COLOR switches colours off.',
  ].join('\n')
}

export function helpOf(name: string, command: Command, table: OptionTable): string {
  const { operands, summary, examples } = command
  const rows = Object.entries(table).map(([option, { value, help }]): [string, string] => [
    value === undefined ? `--${option}` : `--${option} ${value}`,
    help,
  ])
  return [
    `${`atxp-redis ${name} ${operands}`.trimEnd()}: ${summary}`,
    '',
    ...columns(rows),
    '',
    'Examples:',
    ...examples.map((example) => `  ${example}`),
  ].join('\n')
}

function columns(rows: readonly [string, string][]): string[] {
  const width = Math.max(...rows.map(([first]) => first.length))
  return rows.map(([first, second]) => `  ${first.padEnd(width)}  ${second}`)
}
