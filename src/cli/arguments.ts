import * as util from 'node:util'
import { didYouMean, shownName } from '../options/checks.js'

/** Wrong use of the command line: exit code 2. */
export class UsageError extends Error {}

/** What an error is, without its message: that may hold a secret. */
export function kindOf(error: unknown): string {
  const { name = 'Error', code } = Object(error) as { name?: string; code?: unknown }
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? `${name} ${code}` : name
}

export interface OptionRow {
  readonly type: 'string' | 'boolean'
  /** What stands for the value in the help. */
  readonly value?: string
  readonly help: string
}

export type OptionTable = Readonly<Record<string, OptionRow>>

export interface Arguments {
  readonly operands: readonly string[]
  /** The value of an option; undefined where it is not given. */
  text(name: string): string | undefined
  has(name: string): boolean
}

interface ParseArgs {
  parseArgs(config: {
    args: readonly string[]
    options: Readonly<Record<string, { type: 'string' | 'boolean'; short?: string }>>
    strict: false
    allowPositionals: true
  }): { values: Readonly<Record<string, string | boolean>>; positionals: string[] }
}

/** @throws UsageError that shows no value: it may be a password */
export function parseArguments(args: readonly string[], table: OptionTable): Arguments {
  const options = Object.fromEntries(
    Object.entries(table).map(([name, { type }]) => [
      name,
      name === 'help' ? { type, short: 'h' } : { type },
    ]),
  )
  // From Node 18.3 on, and not in the types of 16.
  const { parseArgs } = util as unknown as ParseArgs
  const { values, positionals } = parseArgs({
    args,
    options,
    strict: false,
    allowPositionals: true,
  })
  for (const [name, value] of Object.entries(values)) checkValue(table, name, value)
  return {
    operands: positionals,
    text: (name) => values[name] as string | undefined,
    has: (name) => values[name] === true,
  }
}

function checkValue(table: OptionTable, name: string, value: string | boolean): void {
  const row = Object.keys(table).includes(name) ? table[name] : undefined
  if (row === undefined) {
    const meant = didYouMean(name, Object.keys(table)).replace('mean ', 'mean --')
    throw new UsageError(`--${shownName(name.replace(/-/g, '_'))} is not an option here${meant}`)
  }
  if (row.type === 'boolean' && value !== true) throw new UsageError(`--${name} takes no value`)
  if (row.type === 'string' && (value === true || value === '' || String(value).startsWith('--'))) {
    throw new UsageError(`--${name} needs a value`)
  }
}
