import { importPublished } from '../../admin/published/import-published.js'
import type { Command } from '../command.js'
import { OVERWRITE, overwrites, showTakenIn } from '../taking-in.js'

export const migrateCommand: Command = {
  summary:
    'takes over the records of RedisOAuthDb up to 0.11 or of @atxp/sqlite, whose processes must have ended, and which had no encrypt',
  operands: '',
  options: {
    'from-url': { type: 'string', value: 'URL', help: 'where they are; the same Redis unless set' },
    'from-prefix': {
      type: 'string',
      value: 'PREFIX',
      help: "their keyPrefix; 'oauth:' unless set",
    },
    'from-sqlite': { type: 'string', value: 'FILE', help: 'a file of @atxp/sqlite instead' },
    ...OVERWRITE,
  },
  examples: [
    'atxp-redis migrate --from-prefix oauth:',
    'atxp-redis migrate --from-sqlite oauth.db --url redis://localhost:6379',
  ],
  async run({ given, screen, signal, open }) {
    const overwrite = overwrites(given)
    const db = await open()
    const progress = screen.progress(() => 0)
    try {
      const result = await importPublished(db, {
        url: given.text('from-url'),
        keyPrefix: given.text('from-prefix'),
        sqlite: given.text('from-sqlite'),
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
