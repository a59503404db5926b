import { open as openFile } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { importRecords } from '../../admin/transfer/import.js'
import { UsageError } from '../arguments.js'
import type { Command } from '../command.js'
import { OVERWRITE, overwrites, showTakenIn } from '../taking-in.js'
import { PLAIN } from './export.js'

export const importCommand: Command = {
  summary:
    'imports what export wrote, from FILE or - for the standard input; existing records stay',
  operands: 'FILE',
  options: {
    ...PLAIN,
    ...OVERWRITE,
    resume: { type: 'string', value: 'LINE', help: 'continues after that line' },
  },
  examples: [
    'atxp-redis import records.ndjson --url redis://new.example:6379',
    'gpg --decrypt records.ndjson.gpg | atxp-redis import - --plain',
  ],
  async run({ given, screen, signal, open }) {
    const [file = ''] = given.operands
    const overwrite = overwrites(given)
    const resume = Number(given.text('resume') ?? 0)
    if (!Number.isSafeInteger(resume) || resume < 0)
      throw new UsageError('--resume takes the number of a line')
    const source = await sourceOf(file)
    const db = await open()
    let line = 0
    try {
      const result = await importRecords(db, source, {
        secrets: given.has('plain') ? 'plain' : 'sealed',
        overwrite,
        resume,
        signal,
        onProgress: (progress) => {
          line = progress.line
        },
        onRefused: (refused) =>
          void screen.note(`line ${refused.line} was left out: ${refused.why}`),
      })
      return await showTakenIn(result, screen)
    } catch (error) {
      if (line > 0)
        await screen.note(`all lines up to ${line} are done: continue with --resume ${line}`)
      throw error
    } finally {
      // A pipe that nobody ends would keep the process alive.
      source.destroy()
    }
  },
}

async function sourceOf(file: string): Promise<Readable> {
  if (file === '-') return process.stdin
  const handle = await openFile(file).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${file} cannot be read (${error.code})`)
  })
  return handle.createReadStream()
}
