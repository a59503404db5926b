import { unreadableRecord } from '../leaves/errors.js'
import { isWellFormed } from '../leaves/well-formed.js'
import { NumberReader, pushNumber } from './leb128.js'

/**
 * Makes records smaller before they are sealed. Tokens are mostly base64url, which spends 8 bits on 6: the parts of a
 * JWT are stored as the bytes they stand for. Every string comes back exactly as it was.
 *
 * The first byte says the form. Packed: the number of runs; for each run how many UTF-16 units of the rest stand before
 * it and how many groups of 3 bytes it has; the bytes of all runs; the rest in UTF-8. Numbers are LEB128.
 */
const FORM_UTF8 = 0
const FORM_PACKED = 1
// 2 was in use before the first release. It is not used again.
/** For a string that UTF-8 cannot hold, since it has half a surrogate pair. */
const FORM_UTF16 = 3

/** A run saves a quarter of its length and costs 2 to 4 bytes. */
const MIN_RUN_CHARS = 24
/** Longer texts are kept as they are: tokens are not that long, and the scratch buffer stays small. */
const MAX_PACKED_CHARS = 65_536

/** Holds the bytes of the runs until the length of the result is known. */
const scratch: Buffer = Buffer.alloc((MAX_PACKED_CHARS / 4) * 3)

/** Where a run begins and ends in the text. Its length is a multiple of 4, so it is whole bytes. */
interface Run {
  readonly start: number
  readonly end: number
}

export function compact(text: string): Buffer {
  const runs = text.length > MAX_PACKED_CHARS ? [] : packRuns(text)
  if (runs.length > 0) {
    const rest = withoutRuns(text, runs)
    if (isExactInUtf8(rest)) return joined(runs, rest)
  } else if (isExactInUtf8(text)) {
    return whole(FORM_UTF8, text, 'utf8')
  }
  return whole(FORM_UTF16, text, 'utf16le')
}

/** The text that `compact` was given. Throws `UNREADABLE_RECORD` for bytes that it cannot have made. */
export function restore(bytes: Buffer): string {
  switch (Number(bytes[0])) {
    case FORM_UTF8:
      return bytes.toString('utf8', 1)
    case FORM_PACKED:
      return split(bytes)
    case FORM_UTF16:
      return bytes.toString('utf16le', 1)
    default:
      throw unreadableRecord()
  }
}

function isExactInUtf8(text: string): boolean {
  // As many bytes as characters means ASCII, which spares the search.
  return Buffer.byteLength(text) === text.length || isWellFormed(text)
}

function whole(form: number, text: string, encoding: BufferEncoding): Buffer {
  const bytes = Buffer.allocUnsafe(1 + Buffer.byteLength(text, encoding))
  bytes[0] = form
  bytes.write(text, 1, encoding)
  return bytes
}

/** Finds the runs that are base64url, and leaves their bytes in `scratch`. */
function packRuns(text: string): readonly Run[] {
  const candidates = findRuns(text)
  if (pack(text, candidates)) return candidates
  const runs = candidates.filter((run) => pack(text, [run]))
  pack(text, runs)
  return runs
}

/** What stands between quotation marks and dots and is long enough. */
function findRuns(text: string): Run[] {
  const runs: Run[] = []
  let quote = -1
  let dot = -1
  for (let start = 0; start < text.length; start = Math.min(quote, dot) + 1) {
    if (quote < start) quote = indexOrEnd(text, '"', start)
    if (dot < start) dot = indexOrEnd(text, '.', start)
    const length = Math.min(quote, dot) - start
    if (length >= MIN_RUN_CHARS) runs.push({ start, end: start + length - (length % 4) })
  }
  return runs
}

function indexOrEnd(text: string, character: string, from: number): number {
  const index = text.indexOf(character, from)
  return index < 0 ? text.length : index
}

/** Decodes the runs to `scratch`. Only runs that read back as they were are base64url and nothing else. */
function pack(text: string, runs: readonly Run[]): boolean {
  let digits = ''
  for (const { start, end } of runs) digits += text.slice(start, end)
  const length = scratch.write(digits, 'base64url')
  return scratch.toString('base64url', 0, length) === digits
}

function withoutRuns(text: string, runs: readonly Run[]): string {
  let rest = ''
  let from = 0
  for (const { start, end } of runs) {
    rest += text.slice(from, start)
    from = end
  }
  return rest + text.slice(from)
}

function joined(runs: readonly Run[], rest: string): Buffer {
  const head = [FORM_PACKED]
  pushNumber(head, runs.length)
  let packedBytes = 0
  let from = 0
  for (const { start, end } of runs) {
    const groups = (end - start) / 4
    pushNumber(head, start - from)
    pushNumber(head, groups)
    packedBytes += groups * 3
    from = end
  }
  const bytes = Buffer.allocUnsafe(head.length + packedBytes + Buffer.byteLength(rest))
  for (let at = 0; at < head.length; at++) bytes[at] = head[at] as number
  scratch.copy(bytes, head.length, 0, packedBytes)
  bytes.write(rest, head.length + packedBytes, 'utf8')
  return bytes
}

function split(bytes: Buffer): string {
  const numbers = new NumberReader(bytes, 1)
  const layout: { before: number; groups: number }[] = []
  let packedBytes = 0
  for (let runs = numbers.next(); runs > 0; runs--) {
    const run = { before: numbers.next(), groups: numbers.next() }
    layout.push(run)
    packedBytes += run.groups * 3
  }
  const restAt = numbers.at + packedBytes
  if (restAt > bytes.length) throw unreadableRecord()
  const digits = bytes.toString('base64url', numbers.at, restAt)
  return interleaved(bytes.toString('utf8', restAt), digits, layout)
}

function interleaved(
  rest: string,
  digits: string,
  layout: readonly { before: number; groups: number }[],
): string {
  let text = ''
  let restFrom = 0
  let digitsFrom = 0
  for (const { before, groups } of layout) {
    const restTo = restFrom + before
    const digitsTo = digitsFrom + groups * 4
    text += rest.slice(restFrom, restTo) + digits.slice(digitsFrom, digitsTo)
    restFrom = restTo
    digitsFrom = digitsTo
  }
  if (restFrom > rest.length) throw unreadableRecord()
  return text + rest.slice(restFrom)
}
