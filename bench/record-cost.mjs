import { createRequire } from 'node:module'
import { join } from 'node:path'
import { runScript } from '../scripts/run-script.mjs'
import { printTimes } from './load/operation-times.mjs'
import { makeRecords, RESOURCE, textOf, tokenOf } from './load/records.mjs'

const USAGE = `node bench/record-cost.mjs      what JSON, copies and the memory of refresh tokens cost for each record, without Redis

"by hand" reads and writes the four known members in their usual order, and leaves everything else to JSON. It measures the
dist that is there: npm run build.`

const USERS = 10_000
const NO_ORIGIN = { issuer: undefined, endpoint: undefined, line: undefined }
const HEAD = '{"accessToken":"'
const REFRESH = '","refreshToken":"'
const URL_OF_RECORD = '","resourceUrl":"'
const EXPIRY = '","expiresAt":'
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON escapes
const ESCAPED = /["\\\u0000-\u001f\ud800-\udfff]/

/** Undefined if the text has anything but the known members, or an escape. */
function readByHand(text) {
  if (!text.startsWith(HEAD) || text.includes('\\')) return undefined
  const refreshAt = text.indexOf('"', HEAD.length)
  if (!text.startsWith(REFRESH, refreshAt)) return undefined
  const urlAt = text.indexOf('"', refreshAt + REFRESH.length)
  if (!text.startsWith(URL_OF_RECORD, urlAt)) return undefined
  const expiryAt = text.indexOf('"', urlAt + URL_OF_RECORD.length)
  if (!text.startsWith(EXPIRY, expiryAt)) return undefined
  const end = text.length - 1
  const digits = text.slice(expiryAt + EXPIRY.length, end)
  if (text[end] !== '}' || !/^\d{1,15}$/.test(digits)) return undefined
  return {
    accessToken: text.slice(HEAD.length, refreshAt),
    refreshToken: text.slice(refreshAt + REFRESH.length, urlAt),
    resourceUrl: text.slice(urlAt + URL_OF_RECORD.length, expiryAt),
    expiresAt: Number(digits),
  }
}

function writeByHand(token) {
  const { accessToken, refreshToken, resourceUrl, expiresAt } = token
  for (const text of [accessToken, refreshToken, resourceUrl]) {
    if (ESCAPED.test(text)) return JSON.stringify(token)
  }
  return (
    HEAD +
    accessToken +
    REFRESH +
    refreshToken +
    URL_OF_RECORD +
    resourceUrl +
    EXPIRY +
    expiresAt +
    '}'
  )
}

function main() {
  const require = createRequire(import.meta.url)
  const load = (name) => require(join(import.meta.dirname, '../dist', `${name}.js`))
  const { decodeToken, encodeToken } = load('record/codec')
  const { TokenPlaces } = load('oauth/places/token-places')

  const records = makeRecords(USERS)
  const tokens = records.map((record) => tokenOf(record, 0))
  // As they come from a socket: flat, and each another one.
  const texts = records.map((record) => Buffer.from(textOf(record, 0)).latin1Slice())
  // Not one after another, which the processor would foresee.
  const at = (index) => (index * 7_919) % USERS
  for (const text of texts) {
    const token = readByHand(text)
    if (token === undefined || writeByHand(token) !== text) throw new Error('a wrong answer')
  }
  const places = new TokenPlaces()
  places.follow()
  // A token that has just been read: nobody has hashed it yet.
  const remember = (index) =>
    places.remember(
      records[at(index)].user,
      RESOURCE,
      decodeToken(texts[at(index)]).token,
      NO_ORIGIN,
    )
  let kept
  const operations = {
    'JSON.parse': (index) => JSON.parse(texts[at(index)]),
    'read by hand': (index) => readByHand(texts[at(index)]),
    'decodeToken, as a read does': (index) => decodeToken(texts[at(index)]),
    'JSON.stringify': (index) => JSON.stringify(tokens[at(index)]),
    // What is put together is flattened when it is sent.
    'written by hand, flat': (index) => Buffer.from(writeByHand(tokens[at(index)]), 'latin1'),
    'JSON.stringify, flat': (index) => Buffer.from(JSON.stringify(tokens[at(index)]), 'latin1'),
    'encodeToken, as a save does': (index) => encodeToken('token', tokens[at(index)]),
    'copy of a record': (index) => {
      kept = { ...tokens[at(index)] }
    },
    'decodeToken, and TokenPlaces.remember among 10 000 users': remember,
  }
  printTimes(operations)
  return kept
}

await runScript({ usage: USAGE, main })
