import { exportRecords } from '../../admin/transfer/export.js'
import { operationsOf } from '../../database/operations-of.js'
import { type OptionTable, UsageError } from '../arguments.js'
import type { Command } from '../command.js'
import { writeNewFile } from '../output-file.js'
import { walking } from '../walking.js'

export const PLAIN: OptionTable = {
  plain: {
    type: 'boolean',
    help: 'the export shows tokens and client secrets to everyone who reads it',
  },
}

export const exportCommand: Command = {
  summary: 'writes every record as NDJSON, encrypted unless --plain is given; never to a terminal',
  operands: '',
  options: {
    out: {
      type: 'string',
      value: 'FILE',
      help: 'writes to a new file that only its owner can read',
    },
    ...PLAIN,
  },
  examples: [
    'atxp-redis export --out records.ndjson',
    'atxp-redis export --plain | gpg --encrypt -r ops > records.ndjson.gpg',
  ],
  async run(context) {
    const { given, screen } = context
    const file = given.text('out')
    if (file === undefined && screen.isTerminal) {
      throw new UsageError(
        'export writes to no terminal: give --out FILE, or send its output elsewhere',
      )
    }
    const db = await context.open()
    const isPlain = given.has('plain')
    if (!isPlain && operationsOf(db).parts.sealer?.writesSealed !== true) {
      throw new UsageError(
        'this database does not encrypt its records: give --plain, and send the output where nobody else reads it',
      )
    }
    let unreadable = 0
    await walking(db, context, async ({ signal, onProgress }) => {
      const lines = exportRecords(db, {
        secrets: isPlain ? 'plain' : 'sealed',
        signal,
        onProgress: (progress) => {
          unreadable = progress.unreadable
          onProgress?.({ seen: progress.seen, found: progress.exported })
        },
      })
      if (file !== undefined) await writeNewFile(file, lines)
      else for await (const some of lines) await screen.part(some)
    })
    if (unreadable === 0) return 0
    await screen.note(
      `${unreadable} record(s) cannot be read and were left out: see atxp-redis doctor`,
    )
    return 1
  },
}
