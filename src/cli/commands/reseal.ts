import { takeCensus } from '../../admin/doctor/records.js'
import { operationsOf } from '../../database/operations-of.js'
import { UsageError } from '../arguments.js'
import { type Command, DESTRUCTIVE } from '../command.js'
import { walking } from '../walking.js'

export const resealCommand: Command = {
  summary: 'encrypts every record that is plain, or encrypted with an old key, with the first key',
  operands: '',
  options: { 'dry-run': DESTRUCTIVE['dry-run'] as (typeof DESTRUCTIVE)[string] },
  examples: [
    'ATXP_REDIS_ENCRYPTION_KEYS=new:...,old:... atxp-redis reseal --dry-run',
    'atxp-redis reseal --config ./redis-options.mjs',
  ],
  async run(context) {
    const { given, screen } = context
    const db = await context.open()
    if (operationsOf(db).parts.sealer === undefined) {
      throw new UsageError(
        'reseal needs encryption keys: set ATXP_REDIS_ENCRYPTION_KEYS, or give --config',
      )
    }
    const result = await walking(db, context, async (options) => {
      if (!given.has('dry-run')) {
        const { onProgress, ...others } = options
        return db.reseal({
          ...others,
          onProgress: ({ seen, resealed }) => onProgress?.({ seen, found: resealed }),
        })
      }
      return (await takeCensus(db, 'reseal', options)).resealing
    })
    if (screen.isJson) await screen.json(result)
    else {
      const { seen, resealed, unreadable } = result
      const done = given.has('dry-run') ? 'to be resealed' : 'resealed'
      await screen.line(`${seen} records, ${resealed} ${done}, ${unreadable} unreadable`)
    }
    return result.unreadable > 0 ? 1 : 0
  },
}
