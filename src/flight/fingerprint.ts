import { createHash } from 'node:crypto'

/**
 * Names a list of strings by SHA-256, different lists differently: a secret among them can stand in a key name
 * or an event by this.
 */
export function fingerprint(...parts: ReadonlyArray<string | null | readonly string[]>): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}
