import type { ImportResult } from '../admin/transfer/intake.js'
import { type Arguments, type OptionTable, UsageError } from './arguments.js'
import type { Outcome } from './command.js'
import type { Screen } from './screen.js'

/** Of commands that take in records. */
export const OVERWRITE: OptionTable = {
  overwrite: {
    type: 'boolean',
    help: 'replaces existing records, which may be newer; needs --yes',
  },
  yes: { type: 'boolean', help: 'with --overwrite: do it' },
}

/** @throws UsageError without `--yes` */
export function overwrites(given: Arguments): boolean {
  if (!given.has('overwrite')) return false
  if (given.has('yes')) return true
  throw new UsageError('--overwrite may replace newer records by older ones: add --yes to do it')
}

export async function showTakenIn(result: ImportResult, screen: Screen): Promise<Outcome> {
  const { added, kept, refused } = result
  if (screen.isJson) await screen.json(result)
  else await screen.line(`${added} added, ${kept} were there, ${refused} left out`)
  return refused > 0 ? 1 : 0
}
