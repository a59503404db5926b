import type { Composition } from './composition.js'

/** What a database is, without secrets. */
export interface DatabaseDescription {
  /** `host:port`, or what stands for it. */
  readonly server: string
  /** Redis' number of it. */
  readonly database: number
  readonly keyPrefix: string
  readonly topology: 'server' | 'sentinel' | 'cluster'
  /** The ids of the keys, the active one first; `custom` with functions of the caller's, `off` without encryption. */
  readonly encryption: readonly string[] | 'custom' | 'off'
  readonly hashKeys: boolean
  readonly cache: boolean
}

export function descriptionOf(parts: Composition): DatabaseDescription {
  const { connection, database, keys, topology, sealer, tracking } = parts
  return {
    server: connection.server,
    database,
    keyPrefix: keys.prefix,
    topology,
    encryption: encryptionOf(sealer),
    hashKeys: keys.isHashed,
    cache: tracking !== undefined,
  }
}

function encryptionOf(sealer: Composition['sealer']): DatabaseDescription['encryption'] {
  if (sealer === undefined) return 'off'
  return sealer.isCustom ? 'custom' : sealer.usage().map(({ id }) => id)
}
