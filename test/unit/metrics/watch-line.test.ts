import { expect, test } from 'vitest'
import { readWatchLine, writeWatchLine } from '../../../src/metrics/watch-line.js'

const COUNTS = { refreshes: 3, waits: 0, rests: 1, refusals: 0, cacheHits: 120 }
const LINE = { process: 'web-1 4242', seconds: 1.01, counts: COUNTS }

test('a line is read as it was written, the name of its process cut to 80 characters', () => {
  expect(readWatchLine(writeWatchLine(LINE))).toEqual(LINE)
  const long = writeWatchLine({ ...LINE, process: 'x'.repeat(500) })
  expect(readWatchLine(long)?.process).toBe('x'.repeat(80))
})

const valid = JSON.parse(writeWatchLine(LINE))

test.each([
  ['nothing', ''],
  ['no JSON', '{"format":1'],
  ['another value', '17'],
  ['null', 'null'],
  ['a list', '[]'],
  ['another format', { ...valid, format: 2 }],
  ['no name', { ...valid, process: '' }],
  ['a name that is none', { ...valid, process: { toString: 'x' } }],
  ['a name without end', { ...valid, process: 'x'.repeat(81) }],
  ['no time', { ...valid, seconds: 0 }],
  ['a time of next to nothing', { ...valid, seconds: 5e-324 }],
  ['a time before', { ...valid, seconds: -1 }],
  ['a time without end', { ...valid, seconds: 1e9 }],
  ['a count that is text', { ...valid, waits: '1' }],
  ['a count below 0', { ...valid, waits: -1 }],
  ['a count without end', { ...valid, waits: 1e300 }],
  ['a count that is missing', { ...valid, waits: undefined }],
  ['a line without end', { ...valid, more: 'x'.repeat(600) }],
])('%s is no line', (_what, text) => {
  expect(readWatchLine(typeof text === 'string' ? text : JSON.stringify(text))).toBeNull()
})

test('what else stands in a line is not taken over', () => {
  const more = JSON.stringify({ ...valid, more: 'x', __proto__: { refreshes: 9 } })
  expect(readWatchLine(more)).toEqual(LINE)
})
