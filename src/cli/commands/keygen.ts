import { randomBytes } from 'node:crypto'
import { ENCRYPTION_KEYS_VARIABLE, HASH_KEY_VARIABLE } from '../../crypto/keyring.js'
import { UsageError } from '../arguments.js'
import type { Command } from '../command.js'
import { writeNewFile } from '../output-file.js'

const KEY_BYTES = 32

export const keygen: Command = {
  summary: 'makes an encryption key, as a line of an environment file; never on a terminal',
  operands: '',
  isLocal: true,
  options: {
    id: { type: 'string', value: 'ID', help: 'names the key; the month if left out, as 2026-11' },
    'hash-key': {
      type: 'boolean',
      help: `also makes a key that hides names, ${HASH_KEY_VARIABLE}`,
    },
    out: {
      type: 'string',
      value: 'FILE',
      help: 'writes to a new file that only its owner can read',
    },
  },
  examples: [
    'atxp-redis keygen --out redis-keys.env',
    'atxp-redis keygen --id b | your-secret-store put',
  ],
  async run({ given, screen }) {
    const id = given.text('id') ?? new Date().toISOString().slice(0, 7)
    if (!/^[A-Za-z0-9._-]{1,32}$/.test(id)) {
      throw new UsageError('--id takes 1 to 32 characters of A-Z a-z 0-9 . _ -')
    }
    const variables: Record<string, string> = {
      [ENCRYPTION_KEYS_VARIABLE]: `${id}:${newKey()}`,
      ...(given.has('hash-key') && { [HASH_KEY_VARIABLE]: newKey() }),
    }
    const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}`)
    const file = given.text('out')
    if (file !== undefined) {
      await writeNewFile(file, [`${lines.join('\n')}\n`])
      await screen.note(`wrote ${file}: keep it as you keep passwords`)
      return 0
    }
    if (screen.isTerminal) {
      throw new UsageError(
        'keygen shows no key on a terminal: give --out FILE, or send its output elsewhere',
      )
    }
    if (screen.isJson) await screen.json(variables)
    else for (const line of lines) await screen.line(line)
    return 0
  },
}

function newKey(): string {
  return randomBytes(KEY_BYTES).toString('base64url')
}
