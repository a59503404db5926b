import { operationsOf } from '../database/operations-of.js'
import { type Check, value } from '../options/checks.js'
import { checkPart } from '../record/keys.js'

export const database: Check = (given) => void operationsOf(Object(given))

/** Who is not logged in to the application may be empty there, and would share a session with all others. */
export const user: Check = (given, name) => {
  checkPart(name, given)
  if (given === '') throw new TypeError(`${name} must not be empty`)
}

/** @param base - of URLs that need not be absolute */
export function url(takes: string, base?: string): Check {
  return value(takes, (given) => {
    // A URL of another realm has that too. Of anything else, as of nothing, a URL may be made all the same.
    if (typeof given !== 'string' && typeof Object(given).href !== 'string') return false
    try {
      return new URL(String(given), base) !== undefined
    } catch {
      return false
    }
  })
}
