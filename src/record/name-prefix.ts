import { unreadableRecord } from '../leaves/errors.js'

/** Puts a record's name before its text, for keys that have only a hash of it. */
export function withName(name: string, text: string): string {
  return `${name.length}:${name}${text}`
}

/**
 * Takes apart what {@link withName} made.
 * @throws RedisOAuthDatabaseError `UNREADABLE_RECORD`
 */
export function splitName(named: string): { name: string; text: string } {
  const length = /^(\d{1,9}):/.exec(named)?.[1]
  const start = (length?.length ?? 0) + 1
  const end = start + Number(length)
  if (length === undefined || end > named.length) throw unreadableRecord()
  return { name: named.slice(start, end), text: named.slice(end) }
}
