import { type FoundRecord, findRecord } from '../../admin/find-record.js'
import { UsageError } from '../arguments.js'
import type { Command } from '../command.js'
import { walking } from '../walking.js'

const NAMES = ['KIND', 'USER', 'NAME', 'CANNOT BE READ', 'REDIS KEY']

export const findCommand: Command = {
  summary: 'finds the record that an error names: user, Redis key, and why it cannot be read',
  operands: 'FINGERPRINT',
  options: {},
  examples: ['atxp-redis find 0123456789ab', 'atxp-redis find 0123456789ab --json'],
  async run(context) {
    const { given, screen } = context
    const [fingerprint = ''] = given.operands
    if (!/^[0-9a-f]{12}$/.test(fingerprint)) {
      throw new UsageError('FINGERPRINT is the 12 hex digits after "record" in an error')
    }
    const db = await context.open()
    const found = await walking(db, context, async (options) => {
      const all: FoundRecord[] = []
      for await (const one of findRecord(db, fingerprint, options)) all.push(one)
      return all
    })
    if (screen.isJson) await screen.json(found)
    else if (found.length === 0)
      await screen.note('no record under this keyPrefix has this fingerprint')
    else await screen.table(NAMES, found.map(rowOf))
    return found.length === 0 ? 1 : 0
  },
}

function rowOf({ kind, userId, name, why, redisKey }: FoundRecord): string[] {
  return [kind, userId ?? '-', name ?? '-', why ?? '-', redisKey]
}
