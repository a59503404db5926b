import { createHash } from 'node:crypto'

/** More users than a memo or a cache of some thousand entries holds. */
export const MAX_RECORDS = 10_000

export const RESOURCE = 'https://mcp.example.com/mcp'

// In two or three days, the same in every process, and a multiple of MAX_RECORDS: so a record's expiry says whose it is and how
// often it was written. As far away as that of a real token, since a save of one that lives for longer than 31 days costs more.
const DAY_MS = 86_400_000
const FIRST_STAMP = Math.ceil(Date.now() / DAY_MS + 2) * DAY_MS

/** Always the same bytes for the same name, so that every process knows what every record must hold. */
function bytesOf(name, size) {
  return createHash('shake256', { outputLength: size }).update(name).digest()
}

/** One user's access token: a JWT of 799 characters and a refresh token of 64; about 1000 bytes as JSON. */
function makeRecord(index) {
  const part = (name, size) => bytesOf(`${name} ${index}`, size).toString('base64url')
  const accessToken = [part('header', 27), part('payload', 314), part('signature', 256)].join('.')
  const refreshToken = part('refresh', 48)
  const fields = { accessToken, refreshToken, resourceUrl: RESOURCE }
  return {
    index,
    user: `base:0x${bytesOf(`user ${index}`, 20).toString('hex')}`,
    fields,
    textBegin: `${JSON.stringify(fields).slice(0, -1)},"expiresAt":`,
  }
}

export function makeRecords(count) {
  return Array.from({ length: count }, (_, index) => makeRecord(index))
}

export function stampOf(index, version) {
  return FIRST_STAMP + version * MAX_RECORDS + index
}

/** Whose record carries this stamp. */
export function indexOf(stamp) {
  return stamp % MAX_RECORDS
}

export function tokenOf({ index, fields }, version) {
  const { accessToken, refreshToken, resourceUrl } = fields
  const expiresAt = stampOf(index, version)
  return { accessToken, refreshToken, resourceUrl, expiresAt }
}

/** The same as JSON, for stores that keep text. */
export function textOf({ index, textBegin }, version) {
  return `${textBegin}${stampOf(index, version)}}`
}

/** The stamp of such a text, without parsing the rest. */
export function stampInText(text) {
  return Number(text.slice(-14, -1))
}
