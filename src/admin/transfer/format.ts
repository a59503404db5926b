import type { SealContext } from '../../crypto/sealing.js'
import { textOf } from '../../leaves/well-formed.js'
import { type Check, text } from '../../options/checks.js'
import type { RecordName } from '../../record/keys.js'
import { KINDS, type LastingKind } from '../../record/kinds.js'
import { END_OF_TIME_MS } from '../../record/lifetime.js'

// The form of an export, NDJSON: a header, a line for each record, and a line that says how many those were, so that a file that was
// cut is known for one.

const FORMAT = '@atxp/redis records'
const VERSION = 1
/** More than any record that is one, and little enough to hold in memory. */
export const MAX_LINE_BYTES = 67_108_864

/** Of the option `secrets`. */
export const formOfSecrets: Check = text(
  "'sealed' or 'plain'",
  (word) => word === 'sealed' || word === 'plain',
)

/** What a sealed export says of the database that it comes from. It is sealed itself, so that nobody can alter it. */
export interface Settings {
  readonly keyPrefix: string
  readonly hashKeys: boolean
}

/** What the settings are sealed for. */
export const SETTINGS_CONTEXT: SealContext = { kind: 'export', redisKey: `${FORMAT} ${VERSION}` }

/** A record as it stands in Redis; it is bound to its key. */
export interface SealedLine {
  readonly key: string
  readonly expiresAt: number | null
  /** The bytes, in base64. */
  readonly sealed: string
}

/** A record that was opened. */
export interface PlainLine extends RecordName {
  readonly kind: LastingKind
  readonly expiresAt: number | null
  readonly text: string
}

export interface EndLine {
  readonly end: number
}

/** @param settings - sealed; without them the records are plain */
export function headerLine(settings: Buffer | undefined): string {
  const head = { format: FORMAT, version: VERSION }
  if (settings === undefined) return lineOf({ ...head, secrets: 'plain' })
  return lineOf({ ...head, secrets: 'sealed', settings: settings.toString('base64') })
}

export function sealedLine(key: string, expiresAt: number | null, sealed: Buffer): string {
  return lineOf({ key, expiresAt, sealed: sealed.toString('base64') } satisfies SealedLine)
}

export function plainLine({ kind, userId, name, expiresAt, text }: PlainLine): string {
  const parts = KINDS[kind].parts
  const names = parts.length === 1 ? [name] : [userId, name]
  const named = Object.fromEntries(parts.map((part, at) => [part, names[at]]))
  return lineOf({ kind, ...named, expiresAt, text })
}

export function endLine(records: number): string {
  return lineOf({ end: records } satisfies EndLine)
}

function lineOf(members: object): string {
  return `${JSON.stringify(members)}\n`
}

/** The sealed settings, or `plain`; undefined for what is no header of this version. */
export function readHeader(line: Buffer): Buffer | 'plain' | undefined {
  const { format, version, secrets, settings } = membersOf(line)
  if (format !== FORMAT || version !== VERSION) return undefined
  if (secrets === 'plain') return 'plain'
  const isSealed = secrets === 'sealed' && typeof settings === 'string'
  return isSealed ? Buffer.from(settings, 'base64') : undefined
}

/** Undefined for what is no line of an export. */
export function readLine(line: Buffer): SealedLine | PlainLine | EndLine | undefined {
  const members = membersOf(line)
  const { end, key, sealed, kind, text, expiresAt } = members
  if (typeof end === 'number') return { end }
  if (!isExpiry(expiresAt)) return undefined
  if (typeof sealed === 'string') {
    return typeof key === 'string' ? { key, expiresAt, sealed } : undefined
  }
  if (typeof text !== 'string' || !isLasting(kind)) return undefined
  const names = KINDS[kind].parts.map((part) => members[part])
  if (!names.every((name) => typeof name === 'string')) return undefined
  const [name = '', userId = ''] = names.reverse() as string[]
  return { kind, userId, name, expiresAt, text }
}

function isExpiry(value: unknown): value is number | null {
  if (value === null) return true
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= END_OF_TIME_MS
}

function isLasting(kind: unknown): kind is LastingKind {
  return (
    typeof kind === 'string' &&
    Object.keys(KINDS).includes(kind) &&
    KINDS[kind as LastingKind].holdsName === true
  )
}

function membersOf(line: Buffer): Record<string, unknown> {
  const text = textOf(line)
  if (text === undefined) return {}
  try {
    return Object(JSON.parse(text))
  } catch {
    // The parser's message quotes the text.
    return {}
  }
}
