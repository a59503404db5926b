import { importPublished } from '../../admin/published/import-published.js'
import type { Decrypt } from '../../record/published.js'
import { UsageError } from '../arguments.js'
import type { Command } from '../command.js'
import { defaultExportOf } from '../modules.js'
import { OVERWRITE, overwrites, showTakenIn } from '../taking-in.js'

export const migrateCommand: Command = {
  summary:
    'imports records of RedisOAuthDb up to 0.11 or of @atxp/sqlite; stop the processes that use these first',
  operands: '',
  options: {
    'from-url': { type: 'string', value: 'URL', help: 'where they are; the same Redis unless set' },
    'from-prefix': {
      type: 'string',
      value: 'PREFIX',
      help: "their keyPrefix; 'oauth:' unless set",
    },
    'from-sqlite': { type: 'string', value: 'FILE', help: 'a file of @atxp/sqlite instead' },
    decrypt: {
      type: 'string',
      value: 'FILE',
      help: 'a module whose default export decrypts what encrypt made',
    },
    ...OVERWRITE,
  },
  examples: [
    'atxp-redis migrate --from-prefix oauth:',
    'atxp-redis migrate --decrypt decrypt.mjs',
    'atxp-redis migrate --from-sqlite oauth.db --url redis://localhost:6379',
  ],
  async run({ given, screen, signal, open }) {
    const overwrite = overwrites(given)
    const file = given.text('decrypt')
    const decrypt = file === undefined ? undefined : await decryptIn(file)
    const db = await open()
    const progress = screen.progress(() => 0)
    try {
      const result = await importPublished(db, {
        url: given.text('from-url'),
        keyPrefix: given.text('from-prefix'),
        sqlite: given.text('from-sqlite'),
        decrypt,
        overwrite,
        signal,
        onProgress: ({ seen, added }) => progress.update({ seen, found: added }),
        onRefused: ({ key, why }) => void screen.note(`left out: ${key}: ${why}`),
      })
      return await showTakenIn(result, screen)
    } finally {
      progress.end()
    }
  },
}

async function decryptIn(file: string): Promise<Decrypt> {
  const decrypt = await defaultExportOf('--decrypt', file)
  if (typeof decrypt === 'function') return decrypt as Decrypt
  throw new UsageError('--decrypt must name a module whose default export is a function')
}
