import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { commandOf, frameEnd } from '../../support/network/resp-frames.js'

const line = fc.stringMatching(/^[ -~]{0,20}$/)
const bulk = fc.string({ unit: 'binary' }).map((text) => Buffer.from(text))

const bulkFrame = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from('\r\n')])

const aggregate = (type: string, count: number, frames: Buffer[]): Buffer =>
  Buffer.concat([Buffer.from(`${type}${count}\r\n`), ...frames])

const { frame } = fc.letrec<{ frame: Buffer }>((tie) => ({
  frame: fc.oneof(
    { maxDepth: 3 },
    fc
      .tuple(fc.constantFrom(...'+-:_#,('), line)
      .map(([t, text]) => Buffer.from(`${t}${text}\r\n`)),
    fc.constantFrom(Buffer.from('$-1\r\n'), Buffer.from('*-1\r\n')),
    bulk.map(bulkFrame),
    fc
      .tuple(fc.constantFrom(...'*~>'), fc.array(tie('frame'), { maxLength: 4 }))
      .map(([type, frames]) => aggregate(type, frames.length, frames)),
    fc
      .array(fc.tuple(tie('frame'), tie('frame')), { maxLength: 3 })
      .map((pairs) => aggregate('%', pairs.length, pairs.flat())),
  ),
}))

describe('frames of the Redis protocol', () => {
  it('end where they end, and not before all of them is there', () => {
    fc.assert(
      fc.property(frame, frame, fc.nat(), (first, second, cut) => {
        const bytes = Buffer.concat([first, second])
        expect(frameEnd(bytes, 0)).toBe(first.length)
        expect(frameEnd(bytes, first.length)).toBe(bytes.length)
        expect(frameEnd(first.subarray(0, cut % first.length), 0)).toBe(-1)
      }),
    )
  })

  it('of commands give back the words that went in', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1 }), (words) => {
        const frames = words.map((word) => bulkFrame(Buffer.from(word)))
        expect(commandOf(aggregate('*', words.length, frames))).toEqual(words)
      }),
    )
  })
})
